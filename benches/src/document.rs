//! Puts results into `docs/performance.md`: tables behind their markers, and pictures.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::results::Results;
use crate::table::{Row, Table, grouped};

const DOCUMENT: &str = "docs/performance.md";
/// The tables that are drawn, of what work, and what is on their axis of sizes.
const PICTURES: [(&str, &str, &str); 3] = [
    ("load-times", "clients", "clients"),
    ("load-memory", "clients", "clients"),
    ("check-instructions", "publish, last", "ACLs in the role, of which the last one matches"),
];

/// Replaces what stands between each `<!-- table NAME -->` and the next `<!-- end -->`, and draws the pictures. What was not measured is left as it was.
///
/// # Errors
/// A file cannot be read or written.
pub fn write(results: &Path) -> Result<(), Box<dyn Error>> {
    let results = Results::read(results)?;
    let text = fs::read_to_string(DOCUMENT)?;
    let mut out = String::new();
    let mut skips = false;
    for line in text.lines() {
        skips &= line != "<!-- end -->";
        if !skips {
            out.push_str(line);
            out.push('\n');
        }
        let name = line.strip_prefix("<!-- table ").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some((table, circumstances)) = name.and_then(|name| results.table(name)) {
            let _ = write!(out, "\n{} *{circumstances}*\n\n{}\n", table.title, table.to_markdown());
            skips = true;
        }
    }
    fs::write(DOCUMENT, out)?;
    for (name, work, sizes) in PICTURES {
        if let Some((table, _)) = results.table(name) {
            fs::write(format!("docs/performance/{name}.svg"), picture(table, work, sizes))?;
        }
    }
    Ok(())
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 80.0;
const BOTTOM: f64 = 50.0;
const TOP: f64 = 30.0;
const RIGHT: f64 = 120.0;

/// A table's numbers against its sizes, both by powers of ten.
fn picture(table: &Table, work: &str, sizes: &str) -> String {
    let rows: Vec<&Row> = table.rows.iter().filter(|row| row.work == work).collect();
    let lines = [
        ("C plugin", "#b3402a", points(&rows, |row| row.theirs)),
        ("ours", "#22639b", points(&rows, |row| row.ours)),
    ];
    let all: Vec<(f64, f64)> = lines.iter().flat_map(|line| line.2.clone()).collect();
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let values = || all.iter().map(of);
        (values().fold(f64::MAX, f64::min).floor(), values().fold(f64::MIN, f64::max).ceil())
    };
    let ((x0, x1), (y0, y1)) = (bounds(|point| point.0), bounds(|point| point.1));
    let x = |value: f64| LEFT + (value - x0) / (x1 - x0).max(1.0) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - (value - y0) / (y1 - y0).max(1.0) * (HEIGHT - BOTTOM - TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for power in y0 as i32..=y1 as i32 {
        let at = y(f64::from(power));
        let _ = writeln!(svg, "<path d=\"M{LEFT} {at:.0}H{:.0}\" stroke=\"#ddd\"/>", WIDTH - RIGHT);
        let label = power_of_ten(power);
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    for power in x0 as i32..=x1 as i32 {
        let (at, label) = (x(f64::from(power)), power_of_ten(power));
        let _ = writeln!(
            svg,
            "<text x=\"{at:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>",
            HEIGHT - 30.0
        );
    }
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"18\">{}</text>", table.unit);
    let _ = writeln!(svg, "<text x=\"{:.0}\" y=\"{:.0}\">{sizes}</text>", LEFT, HEIGHT - 10.0);
    for (name, colour, points) in &lines {
        let path: Vec<String> = points.iter().map(|(a, b)| format!("{:.1} {:.1}", x(*a), y(*b))).collect();
        let Some((a, b)) = points.last() else { continue };
        let _ = writeln!(
            svg,
            "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join("L")
        );
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" fill=\"{colour}\">{name}</text>",
            x(*a) + 8.0,
            y(*b) + 4.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// As it stands at an axis.
fn power_of_ten(power: i32) -> String {
    let value = 10_f64.powi(power);
    if power < 0 { value.to_string() } else { grouped(value) }
}

fn points(rows: &[&Row], of: fn(&Row) -> Option<f64>) -> Vec<(f64, f64)> {
    rows.iter().filter_map(|row| Some(((row.size? as f64).log10(), of(row)?.log10()))).collect()
}
