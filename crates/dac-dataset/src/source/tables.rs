//! Tables with a header line, separated by commas or tabs.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::SourceError;
use super::kind::Compression;
use super::lines::Lines;
use super::manifest::{PATH_NAMES, key_of, resolve};
use super::row::{Content, Row, Segment};
use super::{Rows, SourceOptions};
use crate::passed::Passed;

/// Names of the column with the start of a segment.
const START_NAMES: [&str; 3] = ["offset", "start", "start_seconds"];
/// Largest size of a row whose texts contain line ends.
const MAX_ROW_BYTES: usize = 16 << 20;

/// Rows of a table. With commas, texts may be quoted; with tabs, quotes are ordinary characters.
pub(super) struct TableSource {
    path: PathBuf,
    lines: Lines,
    separator: u8,
    header: Vec<String>,
    /// Index of the column with the path.
    path_column: usize,
}

impl TableSource {
    pub(super) fn open(path: &Path, separator: u8, options: &SourceOptions) -> Result<Self, SourceError> {
        let reader = Compression::None.open(path).map_err(|error| SourceError::read(path, error))?;
        let mut source = Self {
            path: path.to_owned(),
            lines: Lines::new(reader),
            separator,
            header: Vec::new(),
            path_column: 0,
        };
        let header = source.next_fields()?;
        source.header =
            header.ok_or_else(|| SourceError::content(path, "is empty, expected a header line"))?;
        let names: Vec<&str> = match &options.column {
            Some(name) => vec![name],
            None => PATH_NAMES.to_vec(),
        };
        let column = names.iter().find_map(|name| source.column(name));
        source.path_column = column.ok_or_else(|| {
            let (found, expected) = (source.header.join(", "), names.join(", "));
            let problem = format!(
                "has no column with the path of the audio; found {found}; expected {expected}; name it with \
                 --path-column"
            );
            SourceError::content(path, problem)
        })?;
        Ok(source)
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|found| found == name)
    }

    /// Fields of the next row; `None` at the end of the table.
    fn next_fields(&mut self) -> Result<Option<Vec<String>>, SourceError> {
        let read =
            |lines: &mut Lines| lines.next_line().map_err(|error| SourceError::read(&self.path, error));
        let Some(mut row) = read(&mut self.lines)? else { return Ok(None) };
        // A line end inside quotes does not end the row.
        while self.separator == b',' && row.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
            let Some(more) = read(&mut self.lines)? else { break };
            row.push(b'\n');
            row.extend(more);
            if row.len() > MAX_ROW_BYTES {
                let problem = format!("line {} ends within quotes", self.lines.number);
                return Err(SourceError::content(&self.path, problem));
            }
        }
        let text = String::from_utf8(row).map_err(|_| {
            SourceError::content(&self.path, format!("line {} is not UTF-8", self.lines.number))
        })?;
        Ok(Some(split(&text, char::from(self.separator))))
    }

    fn row_of(&self, fields: Vec<String>) -> Result<Row, SourceError> {
        let position = format!("line {}", self.lines.number);
        let invalid = |problem: String| SourceError::row(&self.path, &position, problem);
        if fields.len() != self.header.len() {
            let (found, expected) = (fields.len(), self.header.len());
            return Err(invalid(format!("has {found} columns, expected {expected} as in the header")));
        }
        let field =
            |column: Option<usize>| fields.get(column?).map(String::as_str).filter(|text| !text.is_empty());
        let number = |column: Option<usize>| match field(column) {
            Some(text) => text
                .parse::<f64>()
                .map(Some)
                .map_err(|_| invalid(format!("{text:?} is not a number of seconds"))),
            None => Ok(None),
        };
        let file = field(Some(self.path_column)).ok_or_else(|| invalid("has no path".to_owned()))?;
        let start = START_NAMES.iter().find_map(|name| self.column(name));
        let segment = match number(start)? {
            Some(start) => Some(Segment::checked(start, number(self.column("duration"))?).map_err(invalid)?),
            None => None,
        };
        let content = Content::File { path: resolve(&self.path, file), segment };
        let key = key_of(file, segment);
        let fields = self.header.iter().cloned().zip(fields.into_iter().map(Value::String));
        Ok(Row { key, content, passed: Passed::Fields(Map::from_iter(fields)) })
    }
}

impl Rows for TableSource {
    fn next_row(&mut self) -> Result<Option<Row>, SourceError> {
        self.next_fields()?.map(|fields| self.row_of(fields)).transpose()
    }
}

/// Splits a row. Quoted texts may contain separators, and quotes that are doubled.
fn split(row: &str, separator: char) -> Vec<String> {
    if separator != ',' {
        return row.split(separator).map(str::to_owned).collect();
    }
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut characters = row.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' if is_quoted || field.is_empty() => is_quoted = !is_quoted,
            _ if character == separator && !is_quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(character),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_contain_separators_and_quotes() {
        assert_eq!(split(r#"a,"b,""c""",,d e"#, ','), ["a", "b,\"c\"", "", "d e"]);
        assert_eq!(split("a\t\"b,c", '\t'), ["a", "\"b,c"]);
    }
}
