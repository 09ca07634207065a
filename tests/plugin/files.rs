//! Files that an option names by mistake: none of them is written over.

use std::os::unix::fs::symlink;
use std::time::Duration;

use mosquitto_dynsec::broker::{BrokerFamily, LogLevel};
use mosquitto_dynsec::options::PluginOptions;
use serde_json::json;

use crate::host::Place;

#[test]
fn two_options_that_name_one_file_are_refused_before_anything_is_made() {
    for has_policy in [true, false] {
        let place = if has_policy { Place::with(&json!({})) } else { Place::new() };
        let names = place.names();
        symlink(place.directory.path().join("home"), place.directory.path().join("link")).unwrap();
        let (policy, linked) = (place.policy_path(), place.directory.path().join("link/policy.json"));
        let other = place.directory.path().join("home/other");
        let refused = |change: &dyn Fn(&mut PluginOptions), options: [&str; 2]| {
            let Err(error) = place.start(BrokerFamily::V2_1, change) else { panic!("it started") };
            let expected =
                format!("`plugin_opt_{}` and `plugin_opt_{}` name the same file", options[0], options[1]);
            assert!(error.to_string().starts_with(&expected), "{error}");
        };
        for path in [&policy, &linked] {
            refused(&|options| options.metrics_file = Some(path.clone()), ["metrics_file", "config_file"]);
            refused(&|options| options.audit_file = Some(path.clone()), ["audit_file", "config_file"]);
        }
        refused(
            &|options| {
                options.audit_file = Some(other.clone());
                options.metrics_file = Some(other.clone());
            },
            ["audit_file", "metrics_file"],
        );
        assert_eq!(place.names(), names);
    }
}

#[test]
fn a_metrics_file_that_is_something_else_stays_and_that_is_told_once() {
    let place = Place::with(&json!({}));
    let file = place.directory.path().join("home/passwords");
    std::fs::write(&file, "theirs").unwrap();
    let options = |options: &mut PluginOptions| {
        options.metrics_file = Some(file.clone());
        options.metrics_interval = Duration::ZERO;
    };
    let plugin = place.start(BrokerFamily::V2_1, options).unwrap();
    let until_logged = |part: &str| {
        for _ in 0..1000 {
            plugin.on_tick();
            if !place.logged(part).is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("not in the log: {part}");
    };
    until_logged("is something else, and stays");
    for _ in 0..5 {
        plugin.on_tick();
    }
    assert_eq!(place.logged("the metrics file")[0].0, LogLevel::Warning);
    assert_eq!(place.logged("the metrics file").len(), 1);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "theirs");
    assert_eq!(place.names(), ["passwords", "policy.json"]);
    std::fs::remove_file(&file).unwrap();
    until_logged("can be written again");
    plugin.shutdown();
    assert!(std::fs::read_to_string(&file).unwrap().contains("mosquitto_dynsec_info"));
}
