//! Numbers as words and digits, by integer arithmetic only.

/// `1,204`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 document`, `0 documents`, `1,204 documents`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// `1 document`, `2 documents`.
pub fn documents(n: u64) -> String {
    plural(n, "document", "documents")
}

/// `1 change`, `2 changes`.
pub fn changes(n: u64) -> String {
    plural(n, "change", "changes")
}

/// `1 day`, `2 days`.
pub fn days(n: u64) -> String {
    plural(n, "day", "days")
}

/// Decimal units, three significant digits: `0 bytes`, `1 byte`, `12.3 kB`, `4.56 GB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if n < 1_000 {
        return plural(n, "byte", "bytes");
    }
    // Rounded once, half up, to the last digit that is shown.
    let rounded = |scale: u128, parts: u128| (u128::from(n) * parts + scale / 2) / scale;
    let mut scale: u128 = 1_000;
    for unit in UNITS {
        let (hundredths, tenths, whole) = (rounded(scale, 100), rounded(scale, 10), rounded(scale, 1));
        let shown = if hundredths < 1_000 {
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        } else if tenths < 1_000 {
            format!("{}.{}", tenths / 10, tenths % 10)
        } else {
            whole.to_string()
        };
        if whole < 1_000 {
            return format!("{shown}\u{a0}{unit}");
        }
        scale *= 1_000;
    }
    // Not reached: 2^64 bytes are 18.4 EB.
    plural(n, "byte", "bytes")
}

/// Thousandths as a share of one hundred, one decimal: 512 → `51.2 %`.
pub fn percent(milli: u64) -> String {
    format!("{}.{}\u{a0}%", milli / 10, milli % 10)
}

/// Millionths as a share of one hundred, two decimals, rounded half up: 4,251 → `0.43 %`.
pub fn percent_of_ppm(ppm: u64) -> String {
    let hundredths = (ppm + 50) / 100;
    format!("{}.{:02}\u{a0}%", hundredths / 100, hundredths % 100)
}

/// Thousandths as a decimal number, two decimals, rounded half up: 12,345 → `12.35`.
pub fn decimal(milli: u64) -> String {
    let hundredths = milli / 10 + u64::from(milli % 10 >= 5);
    format!("{}.{:02}", count(hundredths / 100), hundredths % 100)
}

/// `42 of 48`.
pub fn of(part: u64, whole: u64) -> String {
    format!("{} of {}", count(part), count(whole))
}

/// A change of bytes in words: `12.3 MB more than at the start`.
pub fn bytes_moved(start: u64, end: u64) -> String {
    match end.cmp(&start) {
        std::cmp::Ordering::Greater => format!("{} more than at the start", bytes(end - start)),
        std::cmp::Ordering::Less => format!("{} less than at the start", bytes(start - end)),
        std::cmp::Ordering::Equal => "as much as at the start".to_owned(),
    }
}

/// A part as a share of a whole, one decimal, rounded half up: `12.5 %`.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return percent(0);
    }
    let milli = (u128::from(part) * 1_000 + u128::from(whole) / 2) / u128::from(whole);
    percent(u64::try_from(milli).unwrap_or(u64::MAX))
}
