//! What is written as JSON: as a text, or held against one without making another.

use std::io;

use serde::Serialize;

/// Where an event's data or metadata is written to.
pub trait Written {
    type Out;

    fn value(self, value: &impl Serialize) -> Result<Self::Out, serde_json::Error>;

    /// What is JSON already.
    fn text(self, text: String) -> Self::Out;
}

/// Gives the text.
pub struct AsText;

impl Written for AsText {
    type Out = String;

    fn value(self, value: &impl Serialize) -> Result<String, serde_json::Error> {
        serde_json::to_string(value)
    }

    fn text(self, text: String) -> String {
        text
    }
}

/// Gives whether it is this very text.
pub struct Like<'a>(pub &'a str);

impl Written for Like<'_> {
    type Out = bool;

    fn value(self, value: &impl Serialize) -> Result<bool, serde_json::Error> {
        let mut rest = Rest(self.0.as_bytes());
        match serde_json::to_writer(&mut rest, value) {
            Ok(()) => Ok(rest.0.is_empty()),
            Err(error) if error.is_io() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn text(self, text: String) -> bool {
        text == self.0
    }
}

/// What has still to come. Anything else cannot be written to it.
struct Rest<'a>(&'a [u8]);

impl io::Write for Rest<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    /// JSON is written in many pieces, most of a few bytes, which are sooner compared than a function is called.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        const FEW: usize = 8;
        let (begin, rest) = self.0.split_at_checked(bytes.len()).ok_or(io::ErrorKind::InvalidData)?;
        let is_same = if bytes.len() <= FEW {
            begin.iter().zip(bytes).all(|(stands, comes)| stands == comes)
        } else {
            begin == bytes
        };
        if !is_same {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.0 = rest;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_held_against_what_would_be_written_byte_by_byte() {
        #[derive(Serialize)]
        struct Data<'a> {
            text: &'a str,
            number: u8,
        }
        let data = Data { text: "中\"\n", number: 7 };
        let text = AsText.value(&data).unwrap();
        assert!(Like(&text).value(&data).unwrap());
        for end in 0..text.len() {
            let other = String::from_utf8_lossy(&text.as_bytes()[..end]).into_owned();
            assert!(!Like(&other).value(&data).unwrap(), "{other}");
        }
        let longer = format!("{text} ");
        for other in
            [&longer, &text.replace('7', "8"), &text.replace(":7", ": 7"), &text.replace('中', "\\u4e2d")]
        {
            assert!(!Like(other).value(&data).unwrap(), "{other}");
        }
        assert!(Like("{}").text("{}".into()) && !Like("{}").text("{} ".into()));
    }
}
