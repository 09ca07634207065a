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
    /// The unit of all numbers in it.
    pub unit: String,
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
    /// The C plugin's number; none where it was not measured.
    pub theirs: Option<f64>,
    /// Ours.
    pub ours: Option<f64>,
}

impl Row {
    /// How many times theirs is ours.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.theirs? / self.ours?).filter(|ratio| ratio.is_finite())
    }
}

impl Table {
    /// A table without rows.
    pub fn new(name: &str, title: &str, unit: &str) -> Self {
        Self { name: name.into(), title: title.into(), unit: unit.into(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, work: &str, size: Option<u64>, theirs: Option<f64>, ours: Option<f64>) {
        self.rows.push(Row { work: work.into(), size, theirs, ours });
    }

    /// The table in Markdown.
    pub fn to_markdown(&self) -> String {
        let has_sizes = self.rows.iter().any(|row| row.size.is_some());
        let mut cells = vec![vec!["work".into(), "size".into()]];
        cells[0].extend([format!("C plugin, {}", self.unit), "ours".into(), "C / ours".into()]);
        for row in &self.rows {
            cells.push(vec![
                row.work.clone(),
                row.size.map_or(String::new(), |size| grouped(size as f64)),
                row.theirs.map_or("–".into(), readable),
                row.ours.map_or("–".into(), readable),
                row.ratio().map_or("–".into(), |ratio| format!("{}×", readable(ratio))),
            ]);
        }
        if !has_sizes {
            for row in &mut cells {
                row.remove(1);
            }
        }
        aligned(&cells)
    }
}

/// Rows of cells as a Markdown table; all but the first column are numbers.
fn aligned(cells: &[Vec<String>]) -> String {
    let columns = cells.first().map_or(0, Vec::len);
    let width = |column: usize| {
        cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in cells.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(text, "| {cell:<width$} "),
                _ => write!(text, "| {cell:>width$} "),
            };
        }
        text.push_str("|\n");
        if index == 0 {
            for (column, width) in widths.iter().enumerate() {
                let _ = match column {
                    0 => write!(text, "|{:-<1$}", "", width + 2),
                    _ => write!(text, "|{:-<1$}:", "", width + 1),
                };
            }
            text.push_str("|\n");
        }
    }
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
}
