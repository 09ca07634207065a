//! A plugin's shared object: loading it, and its three entry points (`mosquitto_plugin.h`).
#![expect(unsafe_code, reason = "loads a shared object and calls it")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_int, c_void};
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use crate::bindings::{mosquitto_opt, mosquitto_plugin_id_t};
use crate::callback::PluginId;
use crate::exports;
use crate::load_error::LoadError;

/// `int mosquitto_plugin_version(int, const int *)`.
type Version = unsafe extern "C" fn(c_int, *const c_int) -> c_int;
/// `int mosquitto_plugin_init(mosquitto_plugin_id_t *, void **, struct mosquitto_opt *, int)`.
type Init =
    unsafe extern "C" fn(*mut mosquitto_plugin_id_t, *mut *mut c_void, *mut mosquitto_opt, c_int) -> c_int;
/// `int mosquitto_plugin_cleanup(void *, struct mosquitto_opt *, int)`.
type Cleanup = unsafe extern "C" fn(*mut c_void, *mut mosquitto_opt, c_int) -> c_int;

/// The plugin interfaces of a 2.0 broker, and the only one that counts here.
const SUPPORTED_VERSIONS: [c_int; 4] = [5, 4, 3, 2];
const VERSION: c_int = 5;

/// A loaded plugin. It stays loaded until the process ends.
pub(crate) struct Plugin {
    init: Init,
    cleanup: Cleanup,
    /// Its address is what the plugin gets as its identifier.
    identifier: Box<u8>,
    userdata: *mut c_void,
    options: Options,
}

impl Plugin {
    /// Loads a plugin and asks for its version.
    pub(crate) fn load(path: &Path) -> Result<Self, LoadError> {
        exports::pin();
        exports::load_libmosquitto()?;
        let path = CString::new(path.as_os_str().as_bytes())
            .map_err(|_| LoadError::new("a path with a NUL", "check the path of the plugin"))?;
        // SAFETY: the path is NUL-terminated; the plugin's constructors are its own business.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() {
            return Err(LoadError::from_dlerror("the plugin does not load into this broker"));
        }
        let version = symbol(handle, c"mosquitto_plugin_version")?;
        // SAFETY: mosquitto_plugin.h declares the symbol with this type.
        let version = unsafe { mem::transmute::<*mut c_void, Version>(version) };
        let count = c_int::try_from(SUPPORTED_VERSIONS.len()).unwrap_or_default();
        // SAFETY: the array holds `count` integers.
        if unsafe { version(count, SUPPORTED_VERSIONS.as_ptr()) } != VERSION {
            return Err(LoadError::new("plugin interface", "only version 5 is supported"));
        }
        let init = symbol(handle, c"mosquitto_plugin_init")?;
        let cleanup = symbol(handle, c"mosquitto_plugin_cleanup")?;
        Ok(Self {
            // SAFETY: mosquitto_plugin.h declares the symbol with this type.
            init: unsafe { mem::transmute::<*mut c_void, Init>(init) },
            // SAFETY: mosquitto_plugin.h declares the symbol with this type.
            cleanup: unsafe { mem::transmute::<*mut c_void, Cleanup>(cleanup) },
            identifier: Box::new(0),
            userdata: ptr::null_mut(),
            options: Options::default(),
        })
    }

    pub(crate) fn id(&self) -> PluginId {
        PluginId::of(ptr::from_ref::<u8>(&self.identifier).cast())
    }

    pub(crate) fn init(&mut self, options: &BTreeMap<String, String>) -> c_int {
        self.options = Options::new(options);
        let identifier = ptr::from_mut::<u8>(&mut self.identifier).cast();
        let (options, count) = self.options.as_c();
        // SAFETY: identifier and options live as long as the plugin; it treats the former as opaque.
        unsafe { (self.init)(identifier, &raw mut self.userdata, options, count) }
    }

    pub(crate) fn cleanup(&mut self) -> c_int {
        let (options, count) = self.options.as_c();
        // SAFETY: the options live as long as the plugin, and its userdata is its own.
        unsafe { (self.cleanup)(self.userdata, options, count) }
    }
}

fn symbol(handle: *mut c_void, name: &CStr) -> Result<*mut c_void, LoadError> {
    // SAFETY: the handle is of a plugin that is never closed, the name is NUL-terminated.
    let address = unsafe { libc::dlsym(handle, name.as_ptr()) };
    if address.is_null() {
        return Err(LoadError::from_dlerror("a 2.0.11 broker refuses this plugin"));
    }
    Ok(address)
}

/// The `plugin_opt_*` lines, as C sees them.
#[derive(Default)]
struct Options {
    /// What `raw` points into.
    _strings: Vec<(CString, CString)>,
    raw: Vec<mosquitto_opt>,
}

impl Options {
    fn new(options: &BTreeMap<String, String>) -> Self {
        let c_string = |text: &String| CString::new(text.as_str()).unwrap_or_default();
        let strings = options.iter().map(|(key, value)| (c_string(key), c_string(value))).collect::<Vec<_>>();
        let raw = strings
            .iter()
            .map(|(key, value)| mosquitto_opt {
                key: key.as_ptr().cast_mut(),
                value: value.as_ptr().cast_mut(),
            })
            .collect();
        Self { _strings: strings, raw }
    }

    fn as_c(&mut self) -> (*mut mosquitto_opt, c_int) {
        (self.raw.as_mut_ptr(), c_int::try_from(self.raw.len()).unwrap_or_default())
    }
}
