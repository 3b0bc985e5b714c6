//! WeChat's push protocol: bytes to domain and back. Knows nothing of stores, HTTP or the clock.

pub mod answer;
pub mod app;
pub mod crypt;
pub mod envelope;
pub mod event_name;
pub mod fields;
pub mod json;
pub mod payload;
pub mod receive;
pub mod secret;
pub mod signature;
pub mod strict_json;
pub mod transport;

pub use answer::{Answer, Code};
pub use app::{App, Channel, ChannelKeys, Mode, Reply};
pub use envelope::Format;
pub use receive::{Claimed, Matter, Received, Refusal, receive};
pub use transport::UrlQuery;
