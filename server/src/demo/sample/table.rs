//! Tables and notes: laboratory values, temperature logs, monitoring visits, with the flaws of exported files.

use jiff::ToSpan;
use jiff::civil::Date;

use super::dice::Dice;
use super::places::Site;
use super::wording::OBSERVATIONS;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Commas, UTF-8.
    Commas,
    /// Tabs, UTF-8.
    Tabs,
    /// Semicolons and decimal commas, as a German spreadsheet writes it.
    DecimalCommas,
    /// Semicolons, decimal commas and ISO 8859-1.
    Latin1,
    /// Commas, with rows of differing length.
    Ragged,
    /// Commas, with many empty cells.
    Gaps,
}

impl Style {
    fn separator(self) -> char {
        match self {
            Self::Commas | Self::Ragged | Self::Gaps => ',',
            Self::Tabs => '\t',
            Self::DecimalCommas | Self::Latin1 => ';',
        }
    }

    fn number(self, value: f32, decimals: usize) -> String {
        let written = format!("{value:.decimals$}");
        match self {
            Self::DecimalCommas | Self::Latin1 => written.replace('.', ","),
            Self::Commas | Self::Tabs | Self::Ragged | Self::Gaps => written,
        }
    }

    /// The rows as a file, with this style's flaws.
    fn write(self, mut rows: Vec<Vec<String>>, dice: &mut Dice) -> Vec<u8> {
        for row in rows.iter_mut().skip(1) {
            match self {
                Self::Ragged if dice.chance(0.12) => row.truncate(dice.whole(1, row.len() - 1)),
                Self::Ragged if dice.chance(0.08) => row.push(String::from("see remark")),
                Self::Gaps => {
                    row.iter_mut().skip(2).filter(|_| dice.chance(0.25)).for_each(String::clear);
                }
                Self::Commas | Self::Tabs | Self::DecimalCommas | Self::Latin1 | Self::Ragged => {}
            }
        }
        let separator = self.separator().to_string();
        let text: String = rows.iter().map(|row| row.join(&separator) + "\r\n").collect();
        match self {
            Self::Latin1 => text.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect(),
            Self::Commas | Self::Tabs | Self::DecimalCommas | Self::Ragged | Self::Gaps => text.into_bytes(),
        }
    }
}

/// Name, unit, lower and upper limit of reference, decimals.
const ANALYTES: [(&str, &str, f32, f32, usize); 12] = [
    ("Haemoglobin", "g/dL", 12.0, 17.5, 1),
    ("Leukocytes", "10^9/L", 4.0, 10.0, 1),
    ("Platelets", "10^9/L", 150.0, 400.0, 0),
    ("Sodium", "mmol/L", 135.0, 145.0, 0),
    ("Potassium", "mmol/L", 3.5, 5.1, 1),
    ("Creatinine", "µmol/L", 45.0, 104.0, 0),
    ("Troponin T", "ng/L", 0.0, 14.0, 1),
    ("NT-proBNP", "pg/mL", 0.0, 450.0, 0),
    ("CRP", "mg/L", 0.0, 5.0, 1),
    ("INR", "", 0.8, 1.2, 2),
    ("LDL cholesterol", "mmol/L", 1.2, 3.4, 2),
    ("HbA1c", "mmol/mol", 20.0, 42.0, 0),
];

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(String::from).to_vec()
}

/// Laboratory values of some subjects.
pub fn lab_values(style: Style, site: &Site, date: Date, dice: &mut Dice) -> Vec<u8> {
    let head = ["Subject", "Visit", "Date", "Analyte", "Value", "Unit", "Low", "High", "Flag", "Prüfer"];
    let mut rows = vec![cells(head)];
    for _ in 0..dice.whole(4, 16) {
        let subject = format!("{}-{:03}", site.code, dice.whole(1, 40));
        let visit = format!("V{}", dice.whole(1, 8));
        let day = date.saturating_sub((dice.whole(0, 20) as i64).days()).to_string();
        for (name, unit, low, high, decimals) in ANALYTES {
            let spread = high - low;
            let value = (low + spread * dice.between(-0.12, 1.15) * dice.between(0.8, 1.2)).max(0.0);
            let flag = match value {
                value if value < low => "L",
                value if value > high => "H",
                _ => "",
            };
            let number = |value| style.number(value, decimals);
            let (value, low, high) = (number(value), number(low), number(high));
            rows.push(cells([&subject, &visit, &day, name, &value, unit, &low, &high, flag, "Groß"]));
        }
    }
    style.write(rows, dice)
}

/// A logger's readings, every ten minutes over some days.
pub fn temperature_log(style: Style, site: &Site, date: Date, dice: &mut Dice) -> Vec<u8> {
    let mut rows = vec![cells(["Logger", "Zeit/Time", "Temp °C", "Humidity %", "Alarm"])];
    let logger = format!("{}-FR{}", site.code, dice.whole(1, 3));
    let (level, days) = (dice.between(4.0, 5.6), dice.whole(3, 10));
    let (excursion, mut drift) = (dice.whole(40, days * 144 - 1), 0.0);
    let excursed = dice.chance(0.4);
    for step in 0..days * 144 {
        let time = date.at(0, 0, 0, 0).saturating_add((step as i64 * 10).minutes());
        drift = drift * 0.97 + dice.between(-0.12, 0.12);
        let warm = if excursed { 5.0 * (1.0 - step.abs_diff(excursion) as f32 / 9.0).max(0.0) } else { 0.0 };
        let value = level + drift + warm;
        let alarm = if (2.0..=8.0).contains(&value) { "" } else { "ALARM" };
        let humidity = style.number(dice.between(34.0, 52.0), 0);
        rows.push(cells([
            &logger,
            &time.strftime("%Y-%m-%d %H:%M").to_string(),
            &style.number(value, 2),
            &humidity,
            alarm,
        ]));
    }
    style.write(rows, dice)
}

/// The note of a monitoring visit; plain text in UTF-8.
pub fn monitoring_note(site: &Site, date: Date, dice: &mut Dice) -> Vec<u8> {
    let mut note = format!(
        "MONITORING VISIT NOTE\nTrial: ACME-101\nSite: {} ({}, {})\nDate of visit: {date}\nVisit: {}\n\n",
        site.code,
        site.city,
        site.country,
        dice.whole(1, 12)
    );
    let start = dice.whole(0, OBSERVATIONS.len() - 1);
    for number in 1..=dice.whole(4, 9) {
        let observation = OBSERVATIONS[(start + number * 7) % OBSERVATIONS.len()];
        note.push_str(&format!("{number}. {observation}\n\n"));
    }
    let next = date.saturating_add((dice.whole(28, 60) as i64).days());
    note.push_str(&format!("Open action items: {}\nNext visit: {next}\n", dice.whole(0, 6)));
    note.into_bytes()
}
