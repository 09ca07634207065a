//! `THEIRS.md`: what the C plugin does not pass, as the cases declare it.

use crate::CASES;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broker/THEIRS.md");

fn table() -> String {
    let mut text = String::from(
        "# What the C plugin does not pass\n\n\
         Written by the tests (`UPDATE_THEIRS=1 cargo test --test broker theirs_md`) from what the cases\n\
         declare; each line is checked by running the case against the C plugin of that broker version, which\n\
         has to fail. `2.0` stands for every 2.0.x, `all` for every version.\n\n\
         | case | versions | why |\n| --- | --- | --- |\n",
    );
    for case in CASES.iter().copied().flatten() {
        let module = case.module.trim_start_matches("broker::");
        for failure in case.theirs_fails {
            let versions = failure.versions.replace(' ', ", ");
            let line = format!("| `{module}::{}` | {versions} | {} |\n", case.name, failure.why);
            text.push_str(&line);
        }
    }
    text
}

#[test]
fn theirs_md_is_what_the_cases_declare() {
    let table = table();
    println!("{} cases; {table}", CASES.iter().map(|cases| cases.len()).sum::<usize>());
    if std::env::var_os("UPDATE_THEIRS").is_some() {
        std::fs::write(FILE, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(FILE).unwrap_or_default(), table, "run it again with UPDATE_THEIRS=1");
}
