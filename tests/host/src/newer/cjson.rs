//! `libcjson.so.1`: 2.1's broker parses control payloads with it, and hands the trees to its plugins.
#![expect(unsafe_code, reason = "loads a C library")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;

use crate::load_error::LoadError;

/// A `cJSON *`.
pub(super) type Tree = *mut c_void;

/// Declares the functions that are used, with their types in cjson/cJSON.h.
macro_rules! functions {
    ($($field:ident = $name:literal: fn($($argument:ty),*) -> $result:ty;)+) => {
        /// The library's functions.
        pub(super) struct CJson {
            $(pub(super) $field: unsafe extern "C" fn($($argument),*) -> $result,)+
        }

        impl CJson {
            /// Loads the library.
            pub(super) fn load() -> Result<Self, LoadError> {
                // SAFETY: the name is NUL-terminated, and the library has no constructors.
                let library = unsafe { libc::dlopen(c"libcjson.so.1".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
                if library.is_null() {
                    return Err(LoadError::from_dlerror("install the package libcjson1"));
                }
                Ok(Self {
                    $($field: {
                        let address = symbol(library, $name)?;
                        // SAFETY: cJSON.h declares the function with this type.
                        unsafe {
                            mem::transmute::<*mut c_void, unsafe extern "C" fn($($argument),*) -> $result>(address)
                        }
                    },)+
                })
            }
        }
    };
}

functions! {
    parse = c"cJSON_ParseWithLength": fn(*const c_char, usize) -> Tree;
    delete = c"cJSON_Delete": fn(Tree) -> ();
    print = c"cJSON_PrintUnformatted": fn(Tree) -> *mut c_char;
    new_object = c"cJSON_CreateObject": fn() -> Tree;
    add_array = c"cJSON_AddArrayToObject": fn(Tree, *const c_char) -> Tree;
    add_string = c"cJSON_AddStringToObject": fn(Tree, *const c_char, *const c_char) -> Tree;
    push = c"cJSON_AddItemToArray": fn(Tree, Tree) -> c_int;
    member = c"cJSON_GetObjectItem": fn(Tree, *const c_char) -> Tree;
    element = c"cJSON_GetArrayItem": fn(Tree, c_int) -> Tree;
    length = c"cJSON_GetArraySize": fn(Tree) -> c_int;
    is_array = c"cJSON_IsArray": fn(Tree) -> c_int;
    is_object = c"cJSON_IsObject": fn(Tree) -> c_int;
    string = c"cJSON_GetStringValue": fn(Tree) -> *mut c_char;
}

fn symbol(library: *mut c_void, name: &CStr) -> Result<*mut c_void, LoadError> {
    // SAFETY: the library is never closed, the name is NUL-terminated.
    let address = unsafe { libc::dlsym(library, name.as_ptr()) };
    if address.is_null() {
        Err(LoadError::from_dlerror("libcjson.so.1 lacks a function"))
    } else {
        Ok(address)
    }
}
