//! What a verdict says to people: a sentence and the next step, in English and in Chinese.

use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Words {
    pub words: String,
    pub words_zh: String,
    pub next_step: String,
    pub next_step_zh: String,
}

impl Words {
    /// A sentence, first in English.
    pub fn say(english: impl Into<String>, chinese: impl Into<String>) -> Self {
        Self {
            words: english.into(),
            words_zh: chinese.into(),
            next_step: String::new(),
            next_step_zh: String::new(),
        }
    }

    /// What to do about it.
    pub fn then(self, english: impl Into<String>, chinese: impl Into<String>) -> Self {
        Self { next_step: english.into(), next_step_zh: chinese.into(), ..self }
    }

    /// One more sentence.
    pub fn and(mut self, english: &str, chinese: &str) -> Self {
        self.words.push(' ');
        self.words.push_str(english);
        self.words_zh.push_str(chinese);
        self
    }
}
