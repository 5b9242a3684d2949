//! Values of a file of keys, and what is wrong with them.

use std::borrow::Cow;

use portcullis_core::{ConfigError, Quota, Scopes};
use time::{Date, Month, UtcOffset};
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue, Error},
    value::{Datetime, Offset},
};

/// Reads values, and gathers problems.
pub(super) struct Reader<'t> {
    text: &'t str,
    /// Where they begin, in bytes, and what they are.
    problems: Vec<(usize, String)>,
}

type Value<'t> = Spanned<DeValue<'t>>;

// ===== impl Reader =====

impl<'t> Reader<'t> {
    /// Begins with what is wrong with the TOML itself.
    pub(super) fn new(text: &'t str, errors: &[Error]) -> Self {
        let mut reader = Self {
            text,
            problems: Vec::new(),
        };
        for error in errors {
            let start = error.span().map_or(0, |span| span.start);
            let message = error.message().trim().replace('\n', ", ");
            reader.push(start, message);
        }
        reader
    }

    /// What a file calls them is escaped: a line of a message is one line.
    pub(super) fn problem(&mut self, at: &Value<'t>, path: &str, problem: &str) {
        let path = path.escape_debug();
        self.push(at.span().start, format!("{path}: {problem}"));
    }

    pub(super) fn problems(&mut self, at: &Value<'t>, path: &str, error: &ConfigError) {
        for problem in error.problems() {
            self.problem(at, path, problem);
        }
    }

    pub(super) const fn count(&self) -> usize {
        self.problems.len()
    }

    pub(super) const fn is_content(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns all problems, in the order of their lines.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        self.problems.sort_by_key(|(start, _)| *start);
        let (mut line, mut rest) = (1, self.text.as_bytes());
        let mut problems = Vec::with_capacity(self.problems.len());
        for (start, problem) in self.problems {
            let read = self.text.len() - rest.len();
            let (before, after) = rest.split_at((start - read).min(rest.len()));
            line += before.iter().filter(|byte| **byte == b'\n').count();
            rest = after;
            problems.push(format!("line {line}: {problem}"));
        }
        ConfigError::check(problems)
    }

    pub(super) fn string<'v>(&mut self, value: &'v Value<'t>, path: &str) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.problem(value, path, "it is a text");
        }
        text
    }

    /// A text that is safe to log.
    pub(super) fn name(&mut self, value: &Value<'t>, path: &str) -> Option<String> {
        let text = self.string(value, path)?;
        if is_name(text) {
            Some(text.to_owned())
        } else {
            self.problem(value, path, &format!("it is {A_NAME}"));
            None
        }
    }

    pub(super) fn boolean(&mut self, value: &Value<'t>, path: &str) -> Option<bool> {
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.problem(value, path, "it is true or false");
        }
        boolean
    }

    pub(super) fn table<'v>(
        &mut self,
        value: &'v Value<'t>,
        path: &str,
    ) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.problem(value, path, "it is a table");
        }
        table
    }

    pub(super) fn array<'v>(&mut self, value: &'v Value<'t>, path: &str) -> Cow<'v, DeArray<'t>> {
        value.get_ref().as_array().map_or_else(
            || {
                self.problem(value, path, "it is a list");
                Cow::Owned(DeArray::new())
            },
            Cow::Borrowed,
        )
    }

    pub(super) fn scopes(&mut self, value: &Value<'t>, path: &str) -> Scopes {
        let array = self.array(value, path);
        let mut tokens = Vec::new();
        for (at, value) in array.iter().enumerate() {
            let path = format!("{path}[{at}]");
            match self.string(value, &path) {
                Some(token) if Scopes::try_new([token]).is_ok() => tokens.push(token),
                Some(_) => self.problem(value, &path, "is not a scope"),
                None => {}
            }
        }
        Scopes::try_new(tokens).unwrap_or_else(|error| {
            self.problems(value, path, &error);
            Scopes::default()
        })
    }

    /// `{ count = 100, seconds = 60, burst = 20 }`.
    pub(super) fn quota(&mut self, value: &Value<'t>, path: &str) -> Option<Quota> {
        let (mut count, mut seconds, mut burst) = (None, Some(1), None);
        for (field, value) in self.table(value, path)? {
            let field = field.get_ref().as_ref();
            let path = format!("{path}.{field}");
            let number = self.number(value, &path);
            match field {
                "count" => count = number,
                "seconds" => seconds = number,
                "burst" => burst = number,
                _ => self.problem(value, &path, "is no field of a quota"),
            }
        }
        let quota = count.zip(seconds).map(|(count, seconds)| {
            let quota = Quota::new(count, std::time::Duration::from_secs(seconds.into()))?;
            burst.map_or(Ok(quota), |burst| quota.try_burst(burst))
        });
        match quota {
            Some(Ok(quota)) => Some(quota),
            Some(Err(error)) => {
                self.problems(value, path, &error);
                None
            }
            None => {
                self.problem(value, path, "it has a count");
                None
            }
        }
    }

    fn number(&mut self, value: &Value<'t>, path: &str) -> Option<u32> {
        let integer = value.get_ref().as_integer();
        let number = integer.and_then(|text| text.as_str().replace('_', "").parse().ok());
        if number.is_none() {
            self.problem(value, path, "it is a whole number");
        }
        number
    }

    /// Returns seconds since 1970.
    pub(super) fn date(&mut self, value: &Value<'t>, path: &str) -> Option<u64> {
        let unix = value.get_ref().as_datetime().and_then(unix);
        if unix.is_none() {
            let form = "it is a date and time with an offset, since 1970: 2027-01-01T00:00:00Z";
            self.problem(value, path, form);
        }
        unix
    }

    fn push(&mut self, start: usize, problem: String) {
        self.problems.push((start, problem));
    }
}

pub(super) fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && !text.contains(char::is_control)
}

fn unix(date_time: &Datetime) -> Option<u64> {
    let (date, time) = (date_time.date?, date_time.time?);
    let offset = match date_time.offset? {
        Offset::Z => UtcOffset::UTC,
        Offset::Custom { minutes } => {
            UtcOffset::from_whole_seconds(i32::from(minutes) * 60).ok()?
        }
    };
    let month = Month::try_from(date.month).ok()?;
    let date = Date::from_calendar_date(date.year.into(), month, date.day).ok()?;
    let time = date.with_hms(time.hour, time.minute, time.second.unwrap_or(0));
    u64::try_from(time.ok()?.assume_offset(offset).unix_timestamp()).ok()
}

pub(super) const A_NAME: &str = "1 to 128 bytes without control characters";
const LONGEST_NAME: usize = 128;
