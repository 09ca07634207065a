/* mosquitto_log_printf(): the one broker function that takes variable arguments. It formats the line and
 * hands it to Rust. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void plugin_host_log_line(int level, const char *line);

__attribute__((format(printf, 2, 3)))
void mosquitto_log_printf(int level, const char *fmt, ...)
{
	va_list args;
	char *line = NULL;
	int length;

	va_start(args, fmt);
	length = vasprintf(&line, fmt, args);
	va_end(args);

	if(length >= 0){
		plugin_host_log_line(level, line);
		free(line);
	}
}
