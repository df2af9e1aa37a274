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

/// `1 network` or `2 networks`.
#[must_use]
pub fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
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

/// Lines of cells with a tab behind each but the last, as Go's `tabwriter` aligns them: cells in
/// neighbouring lines are a column, as wide as its widest and `gap` more, but at least `min`.
#[must_use]
pub fn tabbed(text: &str, min: usize, gap: usize) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = vec![Vec::new(); lines.len()];
    align(&lines, &mut widths, 0, min, gap);
    let mut out = String::new();
    for (line, widths) in lines.iter().zip(&widths) {
        for (index, cell) in line.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths.get(index) {
                out.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
            }
        }
        out.push('\n');
    }
    out
}

/// Columns behind these are not aligned.
const MOST_COLUMNS: usize = 200;

/// Gives widths to a column in the lines that have it; every run of them is a column of its own.
fn align(lines: &[Vec<&str>], widths: &mut [Vec<usize>], column: usize, min: usize, gap: usize) {
    if column == MOST_COLUMNS {
        return;
    }
    let has = |line: &[&str]| line.len() > column + 1;
    let mut start = 0;
    while start < lines.len() {
        let length = lines[start..].iter().take_while(|line| has(line)).count();
        let run = start..start + length;
        let widest = lines[run.clone()].iter().map(|line| line[column].chars().count() + gap).max();
        if let Some(width) = widest {
            for widths in &mut widths[run.clone()] {
                widths.push(width.max(min));
            }
            align(&lines[run.clone()], &mut widths[run], column + 1, min, gap);
        }
        start += length.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_end_where_a_line_has_none() {
        assert_eq!(tabbed("a\tb\nlong\tc\n", 3, 1), "a    b\nlong c\n");
        assert_eq!(tabbed("a\tb\tc\nx\nlonger\td\te\n", 1, 1), "a b c\nx\nlonger d e\n");
        assert_eq!(tabbed("\t\nab\tc\n", 5, 2), "     \nab   c\n");
        assert_eq!(tabbed("one\n", 10, 3), "one\n");
    }
}
