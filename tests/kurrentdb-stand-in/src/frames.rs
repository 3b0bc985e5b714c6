//! Messages on the wire: one byte that says whether it is compressed, four of length, then the message.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

use crate::refusal::Refusal;

const PREFIX_BYTES: usize = 5;
/// The real server takes no message above its largest log record.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Cuts what arrives into messages.
#[derive(Debug, Default)]
pub(crate) struct Frames(BytesMut);

impl Frames {
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        self.0.extend_from_slice(chunk);
    }

    /// The next whole message; none until more arrives.
    pub(crate) fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Refusal> {
        let Some((prefix, rest)) = self.0.split_first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let [compressed, length @ ..] = *prefix;
        if compressed != 0 {
            return Err(Refusal::unimplemented("compressed messages are not in the stand-in"));
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MESSAGE_BYTES_MAX {
            return Err(Refusal::message_too_large());
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.0.advance(PREFIX_BYTES);
        let message = self.0.split_to(length).freeze();
        M::decode(message).map(Some).map_err(|error| Refusal::invalid(&format!("not readable: {error}")))
    }
}

/// One message as it goes out.
pub(crate) fn frame(message: &impl Message) -> Bytes {
    let mut buffer = BytesMut::with_capacity(PREFIX_BYTES + message.encoded_len());
    put(&mut buffer, message);
    buffer.freeze()
}

/// Many messages as they go out.
pub(crate) fn frames<M: Message>(messages: &[M]) -> Bytes {
    let length = messages.iter().map(|message| PREFIX_BYTES + message.encoded_len()).sum();
    let mut buffer = BytesMut::with_capacity(length);
    for message in messages {
        put(&mut buffer, message);
    }
    buffer.freeze()
}

fn put(buffer: &mut BytesMut, message: &impl Message) {
    buffer.put_u8(0);
    buffer.put_u32(u32::try_from(message.encoded_len()).unwrap_or(u32::MAX));
    buffer.put_slice(&message.encode_to_vec());
}
