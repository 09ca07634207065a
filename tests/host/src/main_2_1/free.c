/* free() and realloc() of the C library, but what one plugin gives up is filled with a pattern and never
 * handed out again: see fill_freed_memory() in src/exports/memory.rs. 2.1's plugins have the memory
 * functions of Mosquitto in themselves, and call these directly. */
#define _GNU_SOURCE
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>

#define FILL 0xdd

void __libc_free(void *memory);
void *__libc_realloc(void *memory, size_t size);
void *__libc_malloc(size_t size);

void plugin_host_fill_what_is_freed_by(const char *path);

static uintptr_t first, end;

static int find(struct dl_phdr_info *info, size_t size, void *path)
{
	(void)size;
	if(strcmp(info->dlpi_name, path)){
		return 0;
	}
	for(int i = 0; i < info->dlpi_phnum; i++){
		uintptr_t to = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
		if(info->dlpi_phdr[i].p_type == PT_LOAD && to > end){
			end = to;
		}
	}
	first = info->dlpi_addr;
	return 1;
}

void plugin_host_fill_what_is_freed_by(const char *path)
{
	dl_iterate_phdr(find, (void *)path);
}

static int by_plugin(void *caller)
{
	return (uintptr_t)caller >= first && (uintptr_t)caller < end;
}

static void give_up(void *memory)
{
	memset(memory, FILL, malloc_usable_size(memory));
}

void free(void *memory)
{
	if(memory && by_plugin(__builtin_return_address(0))){
		give_up(memory);
	}else{
		__libc_free(memory);
	}
}

void *realloc(void *memory, size_t size)
{
	if(!memory || !by_plugin(__builtin_return_address(0))){
		return __libc_realloc(memory, size);
	}
	void *moved = __libc_malloc(size);
	if(moved){
		size_t kept = malloc_usable_size(memory);
		memcpy(moved, memory, kept < size ? kept : size);
		give_up(memory);
	}
	return moved;
}
