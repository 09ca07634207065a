use std::os::unix::ffi::OsStrExt as _;

use super::parse::distance;
use super::*;

const BOTH: [BrokerFamily; 2] = [BrokerFamily::V2_0, BrokerFamily::V2_1];

fn parsed(given: &[(&str, &str)], family: BrokerFamily) -> Result<Parsed, OptionError> {
    let given: Vec<_> = given.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    parse(&given, family)
}

/// The options of a policy `p` and this.
fn with(name: &str, value: &str) -> Result<PluginOptions, OptionError> {
    let parsed = parsed(&[("config_file", "p"), (name, value)], BrokerFamily::V2_0)?;
    assert_eq!(parsed.warnings, []);
    Ok(parsed.options.unwrap())
}

fn warnings(given: &[(&str, &str)], family: BrokerFamily) -> Vec<String> {
    parsed(given, family).unwrap().warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn without_a_policy_there_are_no_options_and_no_errors() {
    for family in BOTH {
        assert_eq!(parsed(&[], family).unwrap(), Parsed { options: None, warnings: vec![] });
        assert_eq!(parsed(&[("compat", "3.0")], family).unwrap().options, None);
    }
}

#[test]
fn a_policy_alone_has_the_defaults() {
    let options = parsed(&[("config_file", "p")], BrokerFamily::V2_0).unwrap().options;
    assert_eq!(options, Some(PluginOptions::new(PathBuf::from("p"))));
}

#[test]
fn defaults_are_those_of_the_table() {
    for option in OPTIONS {
        let has_no_one_value =
            ["state_dir", "password_init_file", "audit_file", "metrics_file", "password_iterations"];
        let named = !has_no_one_value.contains(&option.name);
        if let Some(default) = option.default.filter(|_| named) {
            assert_eq!(
                with(option.name, default).unwrap(),
                PluginOptions::new("p".into()),
                "{}",
                option.name
            );
        }
    }
}

#[test]
fn bounds_of_iterations_are_those_of_the_table() {
    let accepts =
        format!("a number of iterations from {} to {}", Iterations::MIN.get(), Iterations::MAX.get());
    assert!(OPTIONS.iter().any(|option| option.accepts == accepts));
}

#[test]
fn names_are_matched_in_any_case() {
    let parsed = parsed(&[("Config_FILE", "p"), ("STRICT_config", "true")], BrokerFamily::V2_0).unwrap();
    assert_eq!(parsed.warnings, []);
    assert!(parsed.options.unwrap().strict_config);
}

/// Each has its own place, and touches no other.
#[test]
fn each_option_is_read() {
    type Change = fn(&mut PluginOptions);
    let changes: [(&str, &str, Change); OPTIONS.len()] = [
        ("config_file", "/q", |of| of.config_file = "/q".into()),
        ("config_init", "true", |of| of.config_init = ConfigInitOption::Make),
        ("password_init_file", "/f", |of| of.password_init_file = Some("/f".into())),
        ("compat", "2.1", |of| of.compat = CompatOption::V2_1),
        ("strict_config", "true", |of| of.strict_config = true),
        ("password_iterations", "101", |of| of.password_iterations = Iterations::MIN),
        ("rehash_on_login", "true", |of| of.rehash_on_login = true),
        ("max_payload_bytes", "2001", |of| of.limits.payload_bytes = 2001),
        ("max_commands", "2", |of| of.limits.commands = 2),
        ("max_json_depth", "5", |of| of.limits.json_depth = 5),
        ("max_name_bytes", "6", |of| of.limits.name_bytes = 6),
        ("max_topic_bytes", "7", |of| of.limits.topic_bytes = 7),
        ("max_topic_levels", "8", |of| of.limits.topic_levels = 8),
        ("max_acls_per_role", "9", |of| of.limits.acls_per_role = 9),
        ("max_response_bytes", "2002", |of| of.limits.response_bytes = 2002),
        ("state_dir", "/s", |of| of.state_dir = Some("/s".into())),
        ("save_mode", "sync", |of| of.save_mode = SaveMode::Sync),
        ("backups", "10", |of| of.backups = 10),
        ("denial_log", "all", |of| of.denial_log.what = DenialLogOption::All),
        ("denial_log_deferred", "false", |of| of.denial_log.deferred = false),
        ("denial_log_interval", "11", |of| of.denial_log.interval = Duration::from_secs(11)),
        ("audit_file", "/a", |of| of.audit_file = Some("/a".into())),
        ("metrics_file", "/m", |of| of.metrics_file = Some("/m".into())),
        ("metrics_interval", "12", |of| of.metrics_interval = Duration::from_secs(12)),
        ("self_service", "true", |of| of.self_service = true),
        ("login_mode", "delayed", |of| of.login_mode = LoginMode::Delayed),
        ("unknown_user", "deny", |of| of.unknown_user = UnknownUserOption::Deny),
        ("lockout_failures", "13", |of| of.lockout_failures = NonZero::new(13)),
        ("lockout_window", "14", |of| of.lockout_window = Duration::from_secs(14)),
        ("login_work", "15", |of| of.login_work = 15),
    ];
    for option in OPTIONS {
        let (name, value, change) = *changes.iter().find(|(name, ..)| *name == option.name).unwrap();
        let mut expected = PluginOptions::new("p".into());
        change(&mut expected);
        assert_ne!(expected, PluginOptions::new("p".into()), "{name}");
        // On 2.0 the first one counts, of the policy too.
        let read = parsed(&[(name, value), ("config_file", "p")], BrokerFamily::V2_0).unwrap().options;
        assert_eq!(read, Some(expected), "{name}");
    }
}

#[test]
fn each_word_and_bound_of_an_option_is_read() {
    assert_eq!(with("config_init", "auto").unwrap().config_init, ConfigInitOption::Auto);
    assert_eq!(with("config_init", "false").unwrap().config_init, ConfigInitOption::Refuse);
    assert!(!with("rehash_on_login", "false").unwrap().rehash_on_login);
    assert_eq!(with("compat", "auto").unwrap().compat, CompatOption::Auto);
    assert_eq!(with("compat", "2.0").unwrap().compat, CompatOption::V2_0);
    assert_eq!(with("compat", "2.0.21").unwrap().compat, CompatOption::V2_0_21);
    assert!(!with("strict_config", "false").unwrap().strict_config);
    assert_eq!(with("password_iterations", "10000000").unwrap().password_iterations, Iterations::MAX);
    assert_eq!(with("denial_log", "true").unwrap().denial_log.what, DenialLogOption::On);
    assert_eq!(with("denial_log", "false").unwrap().denial_log.what, DenialLogOption::Off);
    let interval = with("denial_log_interval", "86400").unwrap().denial_log.interval;
    assert_eq!(interval, Duration::from_secs(86400));
    assert_eq!(with("backups", "0").unwrap().backups, 0);
    assert_eq!(with("backups", "1000").unwrap().backups, 1000);
    assert_eq!(with("save_mode", "auto").unwrap().save_mode, SaveMode::Auto);
    assert_eq!(with("login_mode", "auto").unwrap().login_mode, LoginMode::Auto);
    assert_eq!(with("login_mode", "sync").unwrap().login_mode, LoginMode::Sync);
    assert_eq!(with("unknown_user", "defer").unwrap().unknown_user, UnknownUserOption::Defer);
    assert_eq!(with("lockout_failures", "0").unwrap().lockout_failures, None);
}

#[test]
fn limits_of_payloads_are_read_and_have_the_bounds_of_the_table() {
    type Read = fn(&Limits) -> usize;
    let limits: [(&str, usize, usize, Read); 8] = [
        ("max_payload_bytes", 1024, 268_435_455, |limits| limits.payload_bytes),
        ("max_commands", 1, 10_000_000, |limits| limits.commands),
        ("max_json_depth", 4, 1000, |limits| limits.json_depth),
        ("max_name_bytes", 1, 65_535, |limits| limits.name_bytes),
        ("max_topic_bytes", 1, 65_535, |limits| limits.topic_bytes),
        ("max_topic_levels", 0, 200, |limits| limits.topic_levels),
        ("max_acls_per_role", 1, 10_000_000, |limits| limits.acls_per_role),
        ("max_response_bytes", 1024, 250_000_000, |limits| limits.response_bytes),
    ];
    for (name, least, most, read) in limits {
        for value in [least, most] {
            assert_eq!(read(&with(name, &value.to_string()).unwrap().limits), value, "{name}");
        }
        for value in [least.wrapping_sub(1).to_string(), (most + 1).to_string(), "1k".into(), String::new()] {
            let error = with(name, &value).unwrap_err();
            assert!(error.accepts.ends_with(&format!("from {least} to {most}")), "{error}");
        }
    }
}

#[test]
fn by_default_a_policy_is_made_where_2_1_makes_one() {
    for (option, on_2_0, on_2_1) in [
        (ConfigInitOption::Auto, false, true),
        (ConfigInitOption::Make, true, true),
        (ConfigInitOption::Refuse, false, false),
    ] {
        assert_eq!(BOTH.map(|family| option.makes_policy(family)), [on_2_0, on_2_1]);
    }
}

#[test]
fn a_path_may_be_of_any_bytes() {
    let parsed = parse(&[(b"config_file", b"/p\xff")], BrokerFamily::V2_0).unwrap();
    assert_eq!(parsed.options.unwrap().config_file.as_os_str().as_bytes(), b"/p\xff");
}

#[test]
fn a_value_that_an_option_cannot_have_is_refused_with_what_it_may_be() {
    for (name, value, expected) in [
        ("config_init", "yes", "plugin_opt_config_init cannot be `yes`: it is `auto`, `true` or `false`"),
        ("password_init_file", "", "plugin_opt_password_init_file cannot be ``: it is a path"),
        ("rehash_on_login", "1", "plugin_opt_rehash_on_login cannot be `1`: it is `true` or `false`"),
        ("compat", "2", "plugin_opt_compat cannot be `2`: it is `auto`, `2.0`, `2.0.21` or `2.1`"),
        ("strict_config", "yes", "plugin_opt_strict_config cannot be `yes`: it is `true` or `false`"),
        (
            "password_iterations",
            "100",
            "plugin_opt_password_iterations cannot be `100`: it is a number of iterations from 101 to 10000000",
        ),
        (
            "Password_Iterations",
            "10000001",
            "plugin_opt_password_iterations cannot be `10000001`: it is a number of iterations from 101 to 10000000",
        ),
        (
            "password_iterations",
            "1e3\u{1}",
            "plugin_opt_password_iterations cannot be `1e3\\x01`: it is a number of iterations from 101 to 10000000",
        ),
        ("state_dir", "", "plugin_opt_state_dir cannot be ``: it is a path"),
        ("denial_log", "some", "plugin_opt_denial_log cannot be `some`: it is `true`, `false` or `all`"),
        (
            "denial_log_interval",
            "0",
            "plugin_opt_denial_log_interval cannot be `0`: it is a number of seconds from 1 to 86400",
        ),
        ("backups", "1001", "plugin_opt_backups cannot be `1001`: it is a number from 0 to 1000"),
        ("save_mode", "async", "plugin_opt_save_mode cannot be `async`: it is `auto` or `sync`"),
    ] {
        assert_eq!(with(name, value).unwrap_err().to_string(), expected);
    }
    let empty = parsed(&[("config_file", "")], BrokerFamily::V2_0).unwrap_err();
    assert_eq!(empty.to_string(), "plugin_opt_config_file cannot be ``: it is a path");
}

#[test]
fn an_unknown_option_is_reported_with_the_nearest_known_one() {
    for (given, nearest) in [
        ("config_fil", "config_file"),
        ("configfile", "config_file"),
        ("CONFIG-FILE", "config_file"),
        ("password_iteration", "password_iterations"),
        ("iterations", "password_iterations"),
        ("strict", "strict_config"),
        ("compatibility", "compat"),
        ("statedir", "state_dir"),
        ("init", "config_init"),
        ("password_file", "password_init_file"),
        ("rehash", "rehash_on_login"),
    ] {
        let expected = format!(
            "there is no option plugin_opt_{given}, and it has no effect; the nearest is plugin_opt_{nearest}"
        );
        assert_eq!(warnings(&[(given, "x")], BrokerFamily::V2_0), [expected]);
    }
}

#[test]
fn of_an_option_given_twice_2_0_takes_the_first_and_2_1_the_last() {
    let given = [("config_file", "a"), ("Config_file", "b")];
    for (family, file, which) in [(BrokerFamily::V2_0, "a", "first"), (BrokerFamily::V2_1, "b", "last")] {
        let options = parsed(&given, family).unwrap().options.unwrap();
        assert_eq!(options.config_file, PathBuf::from(file));
        let expected = format!("plugin_opt_config_file is given more than once: the {which} one counts");
        assert_eq!(warnings(&given, family), [expected]);
    }
}

#[test]
fn distance_counts_insertions_deletions_and_replacements() {
    for (a, b, expected) in
        [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("Abc", "aBC", 0), ("kitten", "sitting", 3)]
    {
        assert_eq!(distance(a, b), expected, "{a} {b}");
    }
}

#[test]
fn new_passwords_get_more_iterations_with_2_1_unless_a_number_is_given() {
    for (family, iterations) in [(BrokerFamily::V2_0, 1000), (BrokerFamily::V2_1, 10_000)] {
        let of = |given: &[(&str, &str)]| parsed(given, family).unwrap().options.unwrap().password_iterations;
        assert_eq!(of(&[("config_file", "p")]).get(), iterations);
        assert_eq!(of(&[("config_file", "p"), ("password_iterations", "2000")]).get(), 2000);
    }
}

#[test]
fn bounds_of_logins_are_read() {
    assert_eq!(with("unknown_user", "deny").unwrap().unknown_user, UnknownUserOption::Deny);
    assert_eq!(with("lockout_failures", "5").unwrap().lockout_failures.map(std::num::NonZero::get), Some(5));
    assert_eq!(with("lockout_window", "60").unwrap().lockout_window, Duration::from_secs(60));
    assert_eq!(with("login_work", "25").unwrap().login_work, 25);
    for (name, value) in [
        ("unknown_user", "refuse"),
        ("lockout_failures", "-1"),
        ("lockout_failures", "10001"),
        ("lockout_window", "0"),
        ("login_work", "0"),
        ("login_work", "101"),
    ] {
        assert!(with(name, value).is_err(), "{name} {value}");
    }
}
