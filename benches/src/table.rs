//! Results: tables of rows, each with theirs and ours, as they are printed and kept.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// One table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// What the documentation calls it by: `<!-- table NAME -->`.
    pub name: String,
    /// What was measured, and how.
    pub title: String,
    /// The unit of all numbers in it. With one that ends with `/s` more is better.
    pub unit: String,
    /// The head of a column for what has neither plugin, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What was done. Rows that differ only in size share it: they are one line of a picture.
    pub work: String,
    /// How much there was of what grows, such as ACLs or clients.
    pub size: Option<u64>,
    /// The number without either plugin, in tables that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<f64>,
    /// The C plugin's number; none where it was not measured.
    pub theirs: Option<f64>,
    /// Ours.
    pub ours: Option<f64>,
}

impl Table {
    /// A table without rows.
    pub fn new(name: &str, title: &str, unit: &str) -> Self {
        Self { name: name.into(), title: title.into(), unit: unit.into(), other: None, rows: Vec::new() }
    }

    /// The same with a column for what has neither plugin.
    pub fn with(self, other: &str) -> Self {
        Self { other: Some(other.into()), ..self }
    }

    /// Adds a row.
    pub fn push(&mut self, work: &str, size: Option<u64>, theirs: Option<f64>, ours: Option<f64>) {
        self.rows.push(Row { work: work.into(), size, other: None, theirs, ours });
    }

    /// Adds a row of which there is a number without either plugin.
    pub fn push_with(&mut self, other: f64, work: &str, size: Option<u64>, sides: Option<[f64; 2]>) {
        let [theirs, ours] = sides.map_or([None; 2], |sides| sides.map(Some));
        self.rows.push(Row { work: work.into(), size, other: Some(other), theirs, ours });
    }

    /// How many times better ours is than theirs.
    fn ratio(&self, row: &Row) -> Option<f64> {
        let (theirs, ours) = (row.theirs?, row.ours?);
        let ratio = if self.is_rate() { ours / theirs } else { theirs / ours };
        Some(ratio).filter(|ratio| ratio.is_normal())
    }

    fn is_rate(&self) -> bool {
        self.unit.ends_with("/s")
    }

    /// The table in Markdown. Columns that have nothing in them are left out.
    pub fn to_markdown(&self) -> String {
        let of = |number: Option<f64>| number.map_or("–".into(), readable);
        let mut columns: Vec<(String, Vec<String>)> = Vec::new();
        let mut column = |head: &str, is_there: bool, cell: &dyn Fn(&Row) -> String| {
            if is_there {
                columns.push((head.into(), self.rows.iter().map(cell).collect()));
            }
        };
        let has_sides = self.rows.iter().any(|row| row.theirs.or(row.ours).is_some());
        let unit = &self.unit;
        column("work", true, &|row| row.work.clone());
        column("size", self.rows.iter().any(|row| row.size.is_some()), &|row| {
            row.size.map_or(String::new(), |size| grouped(size as f64))
        });
        if let Some(other) = &self.other {
            column(&format!("{other}, {unit}"), true, &|row| of(row.other));
        }
        column(&format!("C plugin, {unit}"), has_sides, &|row| of(row.theirs));
        column("ours", has_sides, &|row| of(row.ours));
        let ratio = if self.is_rate() { "ours / C" } else { "C / ours" };
        column(ratio, has_sides, &|row| {
            self.ratio(row).map_or("–".into(), |ratio| format!("{}×", readable(ratio)))
        });
        aligned(&columns)
    }
}

/// Columns, each with its head, as a Markdown table; all but the first are numbers.
fn aligned(columns: &[(String, Vec<String>)]) -> String {
    let width = |(head, cells): &(String, Vec<String>)| {
        cells.iter().chain([head]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = columns.iter().map(width).collect();
    let mut text = String::new();
    let mut add = |cells: &[&String]| {
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(text, "| {cell:<width$} "),
                _ => write!(text, "| {cell:>width$} "),
            };
        }
        text.push_str("|\n");
        text.len()
    };
    let end_of_heads = add(&columns.iter().map(|(head, _)| head).collect::<Vec<_>>());
    for row in 0..columns.first().map_or(0, |(_, cells)| cells.len()) {
        add(&columns.iter().map(|(_, cells)| &cells[row]).collect::<Vec<_>>());
    }
    let mut rule = String::new();
    for (column, width) in widths.iter().enumerate() {
        let _ = match column {
            0 => write!(rule, "|{:-<1$}", "", width + 2),
            _ => write!(rule, "|{:-<1$}:", "", width + 1),
        };
    }
    text.insert_str(end_of_heads, &format!("{rule}|\n"));
    text
}

/// Three digits that count.
pub fn readable(value: f64) -> String {
    match value {
        value if value >= 100.0 => grouped(value),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// A whole number, in groups of three digits.
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_not_too_exact() {
        for (value, text) in [
            (0.123, "0.12"),
            (9.999, "10.00"),
            (12.34, "12.3"),
            (100.0, "100"),
            (1234.5, "1,234"),
            (1e6, "1,000,000"),
        ] {
            assert_eq!(readable(value), text);
        }
    }

    #[test]
    fn a_table_is_markdown_and_leaves_out_a_column_that_is_empty() {
        let mut table = Table::new("t", "Title", "ns");
        table.push("a", None, Some(10.0), Some(5.0));
        table.push("bb", None, None, Some(5.0));
        assert_eq!(
            table.to_markdown(),
            "| work | C plugin, ns | ours | C / ours |\n|------|-------------:|-----:|---------:|\n\
             | a    |         10.0 | 5.00 |    2.00× |\n| bb   |            – | 5.00 |        – |\n"
        );
    }

    #[test]
    fn of_a_rate_more_is_better() {
        let mut table = Table::new("t", "Title", "messages/s").with("no plugin");
        table.push_with(9.0, "a", Some(1_000), Some([2.0, 8.0]));
        assert_eq!(
            table.to_markdown(),
            "| work |  size | no plugin, messages/s | C plugin, messages/s | ours | ours / C |\n\
             |------|------:|----------------------:|---------------------:|-----:|---------:|\n\
             | a    | 1,000 |                  9.00 |                 2.00 | 8.00 |    4.00× |\n"
        );
    }

    #[test]
    fn what_has_neither_plugin_stands_under_no_plugin_s_name() {
        let mut table = Table::new("t", "Title", "ms").with("no plugin");
        table.push_with(9.0, "a", None, None);
        assert_eq!(
            table.to_markdown(),
            "| work | no plugin, ms |\n|------|--------------:|\n| a    |          9.00 |\n"
        );
    }

    #[test]
    fn nothing_is_no_part_of_a_ratio() {
        let mut table = Table::new("t", "Title", "ms");
        table.push("a", None, Some(0.0), Some(5.0));
        assert!(table.to_markdown().ends_with(" 0.00 | 5.00 |        – |\n"), "{}", table.to_markdown());
    }
}
