//! Images made by code.

use jpeg_encoder::{ColorType, Encoder};

/// Pixels in RGB.
#[derive(Clone)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rgb: Vec<u8>,
}

/// Something with areas, edges, colours and grain; the same every time.
pub(super) fn photo(width: u32, height: u32) -> Picture {
    let mut noise = 0x2545_f491_u32;
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 28) as u8;
            let board = if (x / 24 + y / 16) % 2 == 0 { 30 } else { 90 };
            // Large areas as well, for a hash is made of nothing else: discs of several sizes.
            let disc = |at_x: u32, at_y: u32, radius: u32, level: u8| {
                let (dx, dy) = ((x * 100 / width).abs_diff(at_x), (y * 100 / height).abs_diff(at_y));
                if dx * dx + dy * dy < radius * radius { level } else { 0 }
            };
            let discs = disc(25, 30, 22, 35) + disc(70, 20, 12, 45) + disc(60, 70, 25, 20) + disc(80, 80, 10, 30);
            let area = discs + (x * 20 / width + y * 10 / height) as u8;
            rgb.extend([board + area + grain, 30 + area + grain, board / 2 + area + grain]);
        }
    }
    Picture { width, height, rgb }
}

impl Picture {
    pub(super) fn jpeg(&self) -> Vec<u8> {
        self.jpeg_with(|_| {})
    }

    pub(super) fn jpeg_with(&self, adjust: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 92);
        adjust(&mut encoder);
        encoder.encode(&self.rgb, self.width as u16, self.height as u16, ColorType::Rgb).unwrap();
        file
    }

    pub(super) fn png(&self) -> Vec<u8> {
        Png::new(self.width, self.height, 8, 2).rows(&self.rgb, 3)
    }

    /// How this picture is stored so that the orientation brings it back: each orientation's inverse, pixel by pixel.
    pub(super) fn stored_for(&self, orientation: u8) -> Self {
        let (width, height) = (self.width, self.height);
        let (stored_width, stored_height) = if orientation >= 5 { (height, width) } else { (width, height) };
        let mut rgb = vec![0; self.rgb.len()];
        for y in 0..height {
            for x in 0..width {
                // Row 0 and column 0 of the stored image, as the table of EXIF describes where they are seen.
                let (column, row) = match orientation {
                    1 => (x, y),
                    2 => (width - 1 - x, y),
                    3 => (width - 1 - x, height - 1 - y),
                    4 => (x, height - 1 - y),
                    5 => (y, x),
                    6 => (y, width - 1 - x),
                    7 => (height - 1 - y, width - 1 - x),
                    8 => (height - 1 - y, x),
                    other => panic!("no orientation {other}"),
                };
                let (from, to) = (((y * width + x) * 3) as usize, ((row * stored_width + column) * 3) as usize);
                rgb[to..to + 3].copy_from_slice(&self.rgb[from..from + 3]);
            }
        }
        Self { width: stored_width, height: stored_height, rgb }
    }
}

/// EXIF data that hold nothing but an orientation.
pub(super) fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    tiff.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    tiff
}

/// Writes PNG files of any sort, without compression.
pub(super) struct Png {
    file: Vec<u8>,
}

impl Png {
    pub(super) fn new(width: u32, height: u32, depth: u8, colours: u8) -> Self {
        Self::with_interlace(width, height, depth, colours, 0)
    }

    pub(super) fn with_interlace(width: u32, height: u32, depth: u8, colours: u8, interlace: u8) -> Self {
        let mut header = Vec::new();
        header.extend(width.to_be_bytes());
        header.extend(height.to_be_bytes());
        header.extend([depth, colours, 0, 0, interlace]);
        Self { file: b"\x89PNG\r\n\x1a\n".to_vec() }.chunk(b"IHDR", &header)
    }

    pub(super) fn chunk(mut self, name: &[u8; 4], data: &[u8]) -> Self {
        self.file.extend((data.len() as u32).to_be_bytes());
        let start = self.file.len();
        self.file.extend(name);
        self.file.extend(data);
        let crc = crc32(&self.file[start..]);
        self.file.extend(crc.to_be_bytes());
        self
    }

    /// The pixels, row by row, unfiltered.
    pub(super) fn rows(self, pixels: &[u8], pixel_bytes: usize) -> Vec<u8> {
        let width = u32::from_be_bytes(self.file[16..20].try_into().unwrap()) as usize;
        let lines = pixels.chunks(width * pixel_bytes).flat_map(|row| [&[0], row].concat()).collect::<Vec<u8>>();
        self.lines(&lines)
    }

    /// Lines with their filter bytes.
    pub(super) fn lines(self, lines: &[u8]) -> Vec<u8> {
        let mut zlib = vec![0x78, 0x01];
        let mut blocks = lines.chunks(0xffff).peekable();
        while let Some(block) = blocks.next() {
            zlib.push(u8::from(blocks.peek().is_none()));
            zlib.extend((block.len() as u16).to_le_bytes());
            zlib.extend((!(block.len() as u16)).to_le_bytes());
            zlib.extend(block);
        }
        zlib.extend(adler32(lines).to_be_bytes());
        self.chunk(b"IDAT", &zlib).chunk(b"IEND", b"").file
    }

    pub(super) fn unfinished(self) -> Vec<u8> {
        self.file
    }
}

fn crc32(data: &[u8]) -> u32 {
    let shift = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !data.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shift(crc)))
}

fn adler32(data: &[u8]) -> u32 {
    let (low, high) = data.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}
