//! Tables of text.

/// Rows in columns that are as wide as their widest cell but at least `min` characters, three blanks
/// apart; the last column is not padded.
#[must_use]
pub fn columns<const N: usize>(rows: &[[String; N]], min: usize) -> String {
    let gap = 3;
    let mut widths = [min.saturating_sub(gap); N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            out.push_str(cell);
            if index + 1 < N {
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
