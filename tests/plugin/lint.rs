//! lintPolicy on what was set aside at the start.

use mosquitto_dynsec::broker::BrokerFamily;
use serde_json::{Value, json};

use crate::host::{Place, command};

const FILE: &str = r#"{
	"clients":	[{
			"username":	"ann",
			"roles":	[{"rolename": "gone"}]
		}],
	"roles":	[]
}"#;

fn findings(place: &Place, code: &str) -> Vec<Value> {
    let plugin = place.start(BrokerFamily::V2_1, |_| {}).unwrap();
    let answer = command(place, &plugin, &json!({"command": "lintPolicy"}));
    let findings = answer["data"]["findings"].as_array().unwrap().iter();
    findings.filter(|finding| finding["code"] == code).cloned().collect()
}

#[test]
fn what_was_set_aside_has_its_line_and_column() {
    let place = Place::new();
    std::fs::write(place.policy_path(), FILE).unwrap();
    let expected = json!({
        "code": "setAside",
        "severity": "warning",
        "objects": [{"line": 4, "column": 27, "path": "clients[0].roles[0].rolename"}],
        "message": "Line 4, column 27 of the policy file, as it was read: \
                    `clients[0].roles[0].rolename` names no role: there is no `gone`.",
    });
    assert_eq!(findings(&place, "setAside"), [expected]);
    let dangling = findings(&place, "danglingReference");
    assert_eq!(dangling[0]["objects"], json!([{"username": "ann"}, {"rolename": "gone"}]));
    assert_eq!(dangling.len(), 1);
    assert!(findings(&place, "unwritableFile").is_empty());
}
