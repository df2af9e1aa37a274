//! Tables of text.

/// Rows in columns that are as wide as their widest cell but at least `min` characters, three blanks
/// apart; the last column is not padded.
#[must_use]
pub fn columns<const N: usize>(rows: &[[String; N]], min: usize) -> String {
    aligned(rows, min, 3)
}

/// As [`columns`], with `gap` blanks between them.
#[must_use]
pub fn aligned<R: AsRef<[String]>>(rows: &[R], min: usize, gap: usize) -> String {
    let count = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    let mut widths = vec![min.saturating_sub(gap); count];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.as_ref()) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in rows.iter().map(AsRef::as_ref) {
        for (index, cell) in row.iter().enumerate() {
            out.push_str(cell);
            if index + 1 < row.len() {
                let pad = widths[index] + gap - cell.chars().count();
                out.extend(std::iter::repeat_n(' ', pad));
            }
        }
        out.push('\n');
    }
    out
}

/// Items, one a line.
pub fn lines<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for item in items {
        let _ = writeln!(out, "{item}");
    }
    out
}
