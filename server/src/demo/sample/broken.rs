//! Files that are damaged, mislabelled or hostile.

use super::dice::Dice;

/// A JPEG cut off somewhere in its second half.
pub fn truncated(mut jpeg: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    jpeg.truncate(dice.whole(jpeg.len() / 2, jpeg.len() * 9 / 10));
    jpeg
}

/// A PNG whose header claims 60,000 × 60,000 pixels, with a few bytes of data.
pub fn huge_claim() -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let side = 60_000u32.to_be_bytes();
    let header = [&side[..], &side[..], &[8, 6, 0, 0, 0]].concat();
    // An empty DEFLATE stream in its zlib frame.
    for (name, data) in [(b"IHDR", &header[..]), (b"IDAT", &[0x78, 0x9c, 3, 0, 0, 0, 0, 1]), (b"IEND", &[])] {
        file.extend((data.len() as u32).to_be_bytes());
        let body = [&name[..], data].concat();
        file.extend(&body);
        file.extend(crc32(&body).to_be_bytes());
    }
    file
}

/// A CSV that is one line of at least so many bytes.
pub fn long_line(bytes: usize, dice: &mut Dice) -> Vec<u8> {
    let mut file = Vec::with_capacity(bytes + 16);
    while file.len() < bytes {
        let value = dice.bits() % 100_000;
        file.extend(format!("{}.{:02},", value / 100, value % 100).bytes());
    }
    file
}

/// A small, complete PDF with one line of text.
pub fn pdf(title: &str) -> Vec<u8> {
    let content = format!("BT /F1 24 Tf 72 720 Td ({title}) Tj ET");
    let objects = [
        String::from("<< /Type /Catalog /Pages 2 0 R >>"),
        String::from("<< /Type /Pages /Kids [3 0 R] /Count 1 >>"),
        String::from(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
             /Resources << /Font << /F1 5 0 R >> >> >>",
        ),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        String::from("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut table = String::from("0000000000 65535 f \n");
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", number + 1));
    }
    let start = file.len();
    file.push_str(&format!("xref\n0 6\n{table}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"));
    file.into_bytes()
}

/// A ZIP archive with one stored file.
pub fn zip(name: &str, data: &[u8]) -> Vec<u8> {
    let sizes = (data.len() as u32).to_le_bytes();
    // Version 2.0, no flags, stored, midnight of 1 January 2026.
    let common = [
        &[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x5c][..],
        &crc32(data).to_le_bytes(),
        &sizes,
        &sizes,
        &(name.len() as u16).to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04", &common[..], name.as_bytes(), data].concat();
    let central = [b"PK\x01\x02\x14\0", &common[..], &[0; 14], name.as_bytes()].concat();
    let (size, offset) = ((central.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes());
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &size[..], &offset, &[0, 0]].concat();
    [local, central, end].concat()
}

/// Bytes without meaning.
pub fn random(bytes: usize, dice: &mut Dice) -> Vec<u8> {
    (0..bytes).map(|_| dice.bits() as u8).collect()
}

/// The check sum of PNG and ZIP (CRC-32, ISO 3309), bit by bit: only small data passes here.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
