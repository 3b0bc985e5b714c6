//! The events WeChat pushes, by the exact names it sends.

/// What an event's name says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Goods,
    RoleQuery,
    Coins,
    Refund,
    Gift,
    Unrecognized,
}

/// All four mean the same and are signed with the name as received.
pub const GOODS: [&str; 4] = [
    "minigame_game_pay_goods_deliver_notify",
    "minigame_deliver_game_pay_products",
    "minigame_h5_goods_deliver_notify",
    "minigame_deliver_h5_pay_products",
];
pub const ROLE_QUERY: &str = "minigame_query_recent_role_list";
pub const COINS: [&str; 2] =
    ["minigame_coin_deliver_completed", "minigame_recharge_center_coin_deliver_completed"];
pub const REFUND: &str = "minigame_pay_refund_succ_notify";
pub const GIFT: &str = "minigame_deliver_goods";

/// The pauses between WeChat's repeats of a goods push, in seconds: 15 of them, 24 h 04 m in all.
pub const GOODS_REPEATS_S: [u64; 15] =
    [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600];

impl Family {
    pub fn of(event: &str) -> Self {
        match event {
            name if GOODS.contains(&name) => Self::Goods,
            name if COINS.contains(&name) => Self::Coins,
            ROLE_QUERY => Self::RoleQuery,
            REFUND => Self::Refund,
            GIFT => Self::Gift,
            _ => Self::Unrecognized,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Goods => "goods",
            Self::RoleQuery => "role_query",
            Self::Coins => "coins",
            Self::Refund => "refund",
            Self::Gift => "gift",
            Self::Unrecognized => "unrecognized",
        }
    }

    /// The pauses between WeChat's repeats after a failure, in seconds. Coins and refunds: the first 13
    /// of the goods schedule. Gifts run on the general channel, which repeats three times at once.
    pub fn repeats_s(self) -> &'static [u64] {
        match self {
            Self::Goods | Self::Unrecognized => &GOODS_REPEATS_S,
            Self::Coins | Self::Refund => &GOODS_REPEATS_S[..13],
            Self::RoleQuery | Self::Gift => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wechat_gives_up_on_a_goods_push_after_24_h_04_m() {
        assert_eq!(GOODS_REPEATS_S.iter().sum::<u64>(), crate::limits::PUSH_DUE_WITHIN.as_secs());
        assert_eq!(Family::Refund.repeats_s().len(), 13);
    }

    #[test]
    fn a_name_is_known_only_to_the_letter() {
        for (name, family) in [
            ("minigame_h5_goods_deliver_notify", Family::Goods),
            ("minigame_deliver_goods", Family::Gift),
            ("Minigame_deliver_goods", Family::Unrecognized),
            ("minigame_deliver_goods ", Family::Unrecognized),
            ("", Family::Unrecognized),
        ] {
            assert_eq!(Family::of(name), family, "{name:?}");
        }
    }
}
