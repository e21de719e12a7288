//! What is printed and written: sentences of forms, letters and notes, reasons of changes.

/// Sentences of a consent form.
pub const CONSENT: [&str; 10] = [
    "You are invited to take part in a clinical investigation of a cardiac device.",
    "Please read this information carefully and ask your doctor about anything that is unclear.",
    "Taking part is voluntary, and you may withdraw at any time without giving a reason.",
    "The device is implanted under local anaesthesia; the procedure takes about ninety minutes.",
    "Follow-up visits take place after one, three, six and twelve months.",
    "Possible risks are bleeding, infection and a displacement of the lead.",
    "Your data are coded and kept confidential; only authorised persons may see your records.",
    "An insurance has been taken out for all participants; its conditions are attached.",
    "You will be told in good time about new findings that might change your decision.",
    "The ethics committee responsible for the site has approved this investigation.",
];

/// The boxes of a consent form.
pub const CONSENT_BOXES: [&str; 5] = [
    "I have read the information and could ask questions",
    "I agree to the storage of my coded data",
    "I agree that my general practitioner is informed",
    "I agree to the storage of blood samples",
    "I received a copy of this form",
];

/// Sentences above a delegation log.
pub const DELEGATION: [&str; 4] = [
    "The principal investigator delegates the duties listed below to the persons named.",
    "Nobody may perform a duty before training and before the date of signature.",
    "1 consent  2 eligibility  3 implantation  4 medical history  5 ECG  6 blood samples  7 accountability",
    "8 data entry  9 queries  10 adverse events  11 follow-up  12 archive  13 temperature log  14 shipments",
];

/// Sentences of a committee's letter.
pub const LETTER: [&str; 7] = [
    "The committee reviewed the documents submitted for the investigation named above.",
    "There are no objections to the conduct of the investigation at your site.",
    "The opinion is valid for twelve months from the date of this letter.",
    "Please report any change of the protocol and any serious adverse event without delay.",
    "The members who took part in the decision are listed in the annex.",
    "The patient information in version 3.0 replaces the previous version.",
    "A member with a conflict of interest did not take part in the vote.",
];

/// Observations in a monitoring note.
pub const OBSERVATIONS: [&str; 16] = [
    "Source data of all visits since the last monitoring were verified; no discrepancies in primary endpoint data.",
    "Two informed consent forms were signed in the right order but dated by one hand; site to file a note.",
    "Device accountability log complete, 14 units received, 9 implanted, 1 returned, 4 in stock.",
    "Refrigerator excursion to 9.1 °C for 35 minutes during cleaning; assessed by pharmacy, no impact.",
    "Delegation log lacks the signature of the new study nurse (training certificate of 3 March on file).",
    "ECG of visit 4 was recorded with a paper speed of 50 mm/s instead of 25 mm/s; repeated the same day.",
    "One adverse event (haematoma at pocket site, mild) was reported two days late; reporting times retrained.",
    "The investigator site file was reviewed, section 7 (laboratory) needs the current reference ranges.",
    "Query rate since last visit: 3.2 per subject; 4 queries older than 30 days, all answered during the visit.",
    "Subject withdrew consent for further follow-up; data up to the day of withdrawal may be used.",
    "Calibration certificate of the programmer expires in 6 weeks; new one is ordered.",
    "Enrolment: 11 of 18 planned. Main reason for screening failure is impaired renal function.",
    "Prüfärztin Dr. Groß bestätigt die Verfügbarkeit des Vertreters während der Ferien.",
    "Le réfrigérateur de l'étude a été déplacé; la sonde a été requalifiée (certificat n° 2231).",
    "Echo core lab returned 2 recordings because of insufficient image quality; site repeats at next visit.",
    "Blood samples shipped on dry ice; temperature on arrival −68 °C, within limits.",
];

/// Why a document was changed.
pub const EDIT_REASONS: [&str; 8] = [
    "Reviewed and approved",
    "Wrong site in upload form",
    "Kind corrected after quality check",
    "File name did not follow the convention",
    "Date of the document corrected",
    "Second reviewer confirmed",
    "Replaced by a later version",
    "Finding of monitoring visit 4",
];

/// Why a file was replaced.
pub const REPLACE_REASONS: [&str; 5] = [
    "Better photograph of the same shelf",
    "Page was missing in the scan",
    "Image was out of focus",
    "Corrected values from the laboratory",
    "Rescanned at a higher contrast",
];

/// Why a document was removed.
pub const REMOVE_REASONS: [&str; 5] = [
    "Uploaded twice",
    "Does not belong to this trial",
    "Participant's name visible in the picture",
    "Uploaded by mistake",
    "File was damaged, the site sends it again",
];
