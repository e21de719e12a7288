//! Tables: records and fields as in RFC 4180, with any of four delimiters.

use std::collections::BTreeSet;
use std::io::Read;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use domain::findings::{self, FindingCode};
use domain::measures::{Delimiter, Encoding, Measures, TableMeasures};

use crate::analysis::encoding::Utf8Chunks;
use crate::analysis::text;
use crate::analysis::{Analysis, Deadline, Limits, Stop};

/// Records that are looked at to find the delimiter.
const SNIFFED_RECORDS: usize = 100;
/// Part of a field that is held at once; longer fields pass through it.
const FIELD_BUFFER_BYTES: usize = 4 * 1024;

/// Counts a table of any length, or a text if it turns out to be none.
pub(super) fn analyse<R: Read>(
    mut text: Utf8Chunks<R>,
    limits: &Limits,
    deadline: Deadline<'_>,
) -> Result<Analysis, Stop> {
    let Some(first) = text.next()?.map(str::to_owned) else {
        return Ok(text::Count::default().finish(text.encoding()));
    };
    let Some(delimiter) = delimiter(&first, text.at_end()) else {
        let mut count = text::Count::default();
        count.add(&first, limits.line_bytes);
        while let Some(chunk) = text.next()? {
            deadline.check()?;
            count.add(chunk, limits.line_bytes);
        }
        return Ok(count.finish(text.encoding()));
    };

    let mut table = Records::new(delimiter, limits.line_bytes);
    table.read(first.as_bytes())?;
    while let Some(chunk) = text.next()? {
        deadline.check()?;
        table.read(chunk.as_bytes())?;
    }
    table.finish()?;
    let encoding = text.encoding();
    let measures = table.count.finish(delimiter, encoding);
    let mut findings = findings::of_table(&measures);
    if encoding == Encoding::Latin1 {
        findings.push(FindingCode::NotUtf8);
    }
    Ok(Analysis { measures: Measures::Table(measures), findings, thumbnail: None })
}

/// The delimiter that gives the most regular records, the most usual one among equals. Bytes alone must tell a table from a
/// text: at least three records, nine in ten of them with the same number of fields, two or more of them columns, and commas
/// that are not those of prose (most followed by a blank).
fn delimiter(beginning: &str, complete: bool) -> Option<Delimiter> {
    let mut best: Option<(usize, usize, Delimiter)> = None;
    for delimiter in Delimiter::ALL {
        let records = sniffed_records(beginning, complete, delimiter);
        let Some((width, regular)) = most_frequent(&records) else { continue };
        // Where lines merely end in the delimiter, as in a list of source code, there is one column and no table.
        let ends_blank = records.iter().filter(|record| record.width == width && record.ends_blank).count();
        let columns = width - usize::from(ends_blank * 2 > regular);
        let is_table =
            columns > 1 && records.len() >= 3 && regular * 10 >= records.len() * 9 && !is_prose(beginning, delimiter);
        let per_mille = regular * 1000 / records.len();
        if is_table && best.is_none_or(|(most, widest, _)| (per_mille, width) > (most, widest)) {
            best = Some((per_mille, width, delimiter));
        }
    }
    best.map(|(_, _, delimiter)| delimiter)
}

/// A record of the beginning.
struct Sniffed {
    /// How many fields it has.
    width: usize,
    /// Whether nothing follows its last delimiter.
    ends_blank: bool,
}

/// The first records. Unless the beginning is all there is, its last record may be cut off: it is left
/// out if there are others.
fn sniffed_records(beginning: &str, complete: bool, delimiter: Delimiter) -> Vec<Sniffed> {
    let mut reader = reader(delimiter);
    let mut buffer = [0; FIELD_BUFFER_BYTES];
    let mut input = beginning.as_bytes();
    let (mut records, mut width, mut is_blank) = (Vec::new(), 0, true);
    while records.len() < SNIFFED_RECORDS {
        let (result, read, written) = reader.read_field(input, &mut buffer);
        input = &input[read..];
        is_blank = is_blank && buffer[..written].iter().all(u8::is_ascii_whitespace);
        match result {
            ReadFieldResult::OutputFull => {}
            ReadFieldResult::Field { record_end } => {
                width += 1;
                if record_end {
                    records.push(Sniffed { width, ends_blank: is_blank });
                    width = 0;
                }
                is_blank = true;
            }
            ReadFieldResult::InputEmpty if complete || records.is_empty() => input = &[],
            ReadFieldResult::InputEmpty | ReadFieldResult::End => break,
        }
    }
    records
}

/// The most frequent number of fields, and how many records have it.
fn most_frequent(records: &[Sniffed]) -> Option<(usize, usize)> {
    let frequency = |width: usize| records.iter().filter(|other| other.width == width).count();
    records.iter().map(|record| (record.width, frequency(record.width))).max_by_key(|(width, count)| (*count, *width))
}

fn is_prose(beginning: &str, delimiter: Delimiter) -> bool {
    let delimiter = delimiter.byte();
    let bytes = beginning.as_bytes();
    let all = bytes.iter().filter(|byte| **byte == delimiter).count();
    let spaced = bytes.windows(2).filter(|pair| pair[0] == delimiter && pair[1] == b' ').count();
    spaced * 2 > all
}

fn reader(delimiter: Delimiter) -> Reader {
    ReaderBuilder::new().delimiter(delimiter.byte()).build()
}

/// Takes records apart in constant memory.
struct Records {
    reader: Reader,
    buffer: [u8; FIELD_BUFFER_BYTES],
    longest_record: u64,
    record_bytes: u64,
    field: Vec<u8>,
    field_blank: bool,
    fields: u64,
    empty: u64,
    count: Count,
}

impl Records {
    fn new(delimiter: Delimiter, longest_record: u64) -> Self {
        Self {
            reader: reader(delimiter),
            buffer: [0; FIELD_BUFFER_BYTES],
            longest_record,
            record_bytes: 0,
            field: Vec::new(),
            field_blank: true,
            fields: 0,
            empty: 0,
            count: Count::default(),
        }
    }

    fn read(&mut self, mut input: &[u8]) -> Result<(), Stop> {
        // An empty input means the end of the file to the parser.
        while !input.is_empty() {
            let (result, read) = self.step(input)?;
            input = &input[read..];
            if let ReadFieldResult::Field { record_end } = result {
                self.end_field(record_end);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Stop> {
        loop {
            match self.step(&[])? {
                (ReadFieldResult::Field { record_end }, _) => self.end_field(record_end),
                (ReadFieldResult::OutputFull, _) => {}
                (ReadFieldResult::InputEmpty | ReadFieldResult::End, _) => return Ok(()),
            }
        }
    }

    /// Takes the next piece of a field; answers how much of the input that was.
    fn step(&mut self, input: &[u8]) -> Result<(ReadFieldResult, usize), Stop> {
        let (result, read, written) = self.reader.read_field(input, &mut self.buffer);
        self.record_bytes += read as u64;
        if self.record_bytes > self.longest_record {
            let detail = format!("record {} has more than {} bytes", self.count.records + 1, self.longest_record);
            return Err(Stop::found(FindingCode::LineTooLong, detail));
        }
        let piece = &self.buffer[..written];
        self.field_blank = self.field_blank && piece.iter().all(u8::is_ascii_whitespace);
        if self.count.records == 0 {
            self.field.extend_from_slice(piece);
        }
        Ok((result, read))
    }

    fn end_field(&mut self, record_end: bool) {
        self.fields += 1;
        self.empty += u64::from(self.field_blank);
        if self.count.records == 0 {
            self.count.header.add(&self.field);
            self.field.clear();
        }
        self.field_blank = true;
        if record_end {
            self.count.add(self.fields, self.empty);
            (self.fields, self.empty, self.record_bytes) = (0, 0, 0);
        }
    }
}

/// What was counted so far.
#[derive(Default)]
struct Count {
    records: u64,
    columns: u64,
    ragged: u64,
    empty_in_first: u64,
    empty: u64,
    header: Header,
}

impl Count {
    fn add(&mut self, fields: u64, empty: u64) {
        if self.records == 0 {
            self.columns = fields;
            self.empty_in_first = empty;
        }
        self.ragged += u64::from(fields != self.columns);
        self.empty += empty;
        self.records += 1;
    }

    fn finish(self, delimiter: Delimiter, encoding: Encoding) -> TableMeasures {
        let header = self.records > 0 && self.header.names_columns();
        TableMeasures {
            rows: self.records - u64::from(header),
            columns: self.columns,
            empty_cells: if header { self.empty - self.empty_in_first } else { self.empty },
            ragged_rows: self.ragged,
            header,
            delimiter,
            encoding,
        }
    }
}

/// Whether the first record names the columns.
#[derive(Default)]
struct Header {
    names: BTreeSet<Vec<u8>>,
    contradicted: bool,
}

impl Header {
    fn add(&mut self, field: &[u8]) {
        let name = field.trim_ascii();
        let number = str::from_utf8(name).is_ok_and(|name| name.replace(',', ".").parse::<f64>().is_ok());
        self.contradicted |= name.is_empty() || number || !self.names.insert(name.to_owned());
    }

    fn names_columns(&self) -> bool {
        !self.contradicted
    }
}
