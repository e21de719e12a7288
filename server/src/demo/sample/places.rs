//! The sites of the sample trial.

/// A place where the trial is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its code, as in `SiteId`.
    pub code: &'static str,
    /// The city.
    pub city: &'static str,
    /// The country.
    pub country: &'static str,
    /// The IANA time zone in which people work there.
    pub zone: &'static str,
    /// The language of its file names, ISO 639-1.
    pub language: &'static str,
}

const fn site(
    code: &'static str,
    city: &'static str,
    country: &'static str,
    zone: &'static str,
    language: &'static str,
) -> Site {
    Site { code, city, country, zone, language }
}

/// All sites. The one in Auckland begins its Monday while it is still Sunday elsewhere.
pub const SITES: [Site; 12] = [
    site("DE-01", "München", "Germany", "Europe/Berlin", "de"),
    site("DE-02", "Köln", "Germany", "Europe/Berlin", "de"),
    site("FR-01", "Lyon", "France", "Europe/Paris", "fr"),
    site("GB-01", "Leeds", "United Kingdom", "Europe/London", "en"),
    site("ES-01", "Sevilla", "Spain", "Europe/Madrid", "es"),
    site("PL-01", "Łódź", "Poland", "Europe/Warsaw", "pl"),
    site("SE-01", "Malmö", "Sweden", "Europe/Stockholm", "sv"),
    site("US-01", "Boston", "United States", "America/New_York", "en"),
    site("US-02", "San Diego", "United States", "America/Los_Angeles", "en"),
    site("BR-01", "São Paulo", "Brazil", "America/Sao_Paulo", "pt"),
    site("JP-01", "Ōsaka", "Japan", "Asia/Tokyo", "ja"),
    site("NZ-01", "Auckland", "New Zealand", "Pacific/Auckland", "en"),
];

/// The site that begins its day first.
pub const FIRST_TO_WAKE: usize = 11;
