//! Gifts: fields without a signature of their own, proven by their encrypted transport.

use order_ledger::cli::simulate::Writing;

use super::by_hand::{Console, DEMO, Field, GIFT, message, success};
use super::looking::{history, recorded, waiting};
use super::server::Home;

pub fn gift(writing: Writing, order_id: &str, is_preview: &str, num: &str) -> String {
    let goods = match writing {
        Writing::Json => format!(r#"[{{"Id":"1","Num":{num}}},{{"Id":"2","Num":1}}]"#),
        // A list in XML is the repeated element.
        Writing::XmlCdata | Writing::XmlEscaped => {
            format!("<Id>1</Id><Num>{num}</Num></GoodsList><GoodsList><Id>2</Id><Num>1</Num>")
        }
    };
    let fields = [
        ("OrderId", Field::Text(order_id)),
        ("IsPreview", Field::Raw(is_preview)),
        ("ToUserOpenid", Field::Text("oP")),
        ("Zone", Field::Raw("0")),
        ("GiftTypeId", Field::Raw("1")),
        ("GiftId", Field::Text("CBgAAoXb6")),
        ("SendTime", Field::Raw("1713341624")),
        ("GoodsList", Field::Raw(&goods)),
    ];
    message(writing, GIFT, &fields)
}

#[tokio::test]
async fn a_gift_is_delivered_in_security_mode_once_and_a_preview_never() {
    let home = Home::secure();
    let server = home.serve();
    for (number, writing) in Writing::ALL.into_iter().enumerate() {
        let (delivered, previewed) = (format!("GIFT-{number}"), format!("PREVIEW-{number}"));
        for _ in 0..2 {
            let push = DEMO.secure(writing, &gift(writing, &delivered, "0", "2"));
            assert_eq!(server.push(&push).await.body, success(writing));
            let push = DEMO.secure(writing, &gift(writing, &previewed, "1", "2"));
            assert_eq!(server.push(&push).await.body, success(writing));
        }
        assert_eq!(recorded(&home, &delivered), [format!("gift-demo.{delivered} GiftDelivered")]);
        assert!(history(&home, &previewed).is_empty());
        // The other format brings the same gift; another number of goods is another content.
        for other in Writing::ALL {
            let push = DEMO.secure(other, &gift(other, &delivered, "0", "2"));
            assert_eq!(server.push(&push).await.body, success(other), "{writing:?} then {other:?}");
        }
        let push = DEMO.secure(writing, &gift(writing, &delivered, "0", "3"));
        assert_eq!(server.push(&push).await.code(), 40901);
    }
}

#[tokio::test]
async fn a_plain_gift_is_refused_for_nothing_proves_it() {
    for mode in ["plain", "security"] {
        let home = Home::with(|text| text.replace("mode = \"plain\"", &format!("mode = \"{mode}\"")));
        let server = home.serve();
        for writing in Writing::ALL {
            let answer = server.push(&DEMO.plain(gift(writing, "GIFT", "0", "2"))).await;
            assert_eq!(answer.code(), 40101, "{mode} {writing:?}");
        }
        assert!(history(&home, "GIFT").is_empty());
    }
}

#[tokio::test]
async fn a_list_of_one_item_is_a_list_in_xml_as_well() {
    let home = Home::secure();
    let server = home.serve();
    let one = |writing, goods| {
        let fields = [
            ("OrderId", Field::Text("ONE")),
            ("IsPreview", Field::Raw("0")),
            ("ToUserOpenid", Field::Text("oP")),
            ("GoodsList", Field::Raw(goods)),
        ];
        DEMO.secure(writing, &message(writing, GIFT, &fields))
    };
    let item = "<Id>1</Id><Num>2</Num>";
    for (writing, goods) in [
        (Writing::XmlCdata, item),
        (Writing::Json, r#"[{"Id":"1","Num":2}]"#),
        (Writing::Json, r#"[{"Num":"2","Id":1}]"#),
        (Writing::XmlEscaped, item),
    ] {
        assert_eq!(server.push(&one(writing, goods)).await.body, success(writing), "{writing:?} {goods}");
    }
    assert_eq!(recorded(&home, "ONE"), ["gift-demo.ONE GiftDelivered"]);
    for _ in 0..2 {
        let more =
            one(Writing::XmlCdata, "<Id>1</Id><Num>2</Num></GoodsList><GoodsList><Id>1</Id><Num>2</Num>");
        assert_eq!(server.push(&more).await.code(), 40901);
    }
    assert_eq!(recorded(&home, "ONE").len(), 2, "a conflict is recorded once");
}

#[tokio::test]
async fn a_mock_gift_is_answered_and_never_delivered() {
    let home = Home::secure();
    let server = home.serve();
    for writing in Writing::ALL {
        let mock = match writing {
            Writing::Json => {
                gift(writing, "MOCK", "0", "2").replace("\"IsPreview\"", "\"IsMock\":true,\"IsPreview\"")
            }
            Writing::XmlCdata | Writing::XmlEscaped => {
                gift(writing, "MOCK", "0", "2").replace("<IsPreview>", "<IsMock>true</IsMock><IsPreview>")
            }
        };
        assert_eq!(server.push(&DEMO.secure(writing, &mock)).await.body, success(writing));
    }
    assert!(history(&home, "MOCK").is_empty());
    let push = DEMO.secure(Writing::Json, &gift(Writing::Json, "MOCK", "0", "2"));
    assert_eq!(server.push(&push).await.code(), 0);
    assert_eq!(recorded(&home, "MOCK"), ["gift-demo.MOCK GiftDelivered"]);
}

#[tokio::test]
async fn an_unusable_gift_is_never_dropped() {
    let home = Home::secure();
    let server = home.serve();
    for (count, name) in ["OrderId", "ToUserOpenid", "GoodsList"].into_iter().enumerate() {
        let without = gift(Writing::Json, "GIFT", "0", "2").replace(name, "Other");
        // What an unusable gift is answered is nowhere said; that it is kept is.
        server.push(&DEMO.secure(Writing::Json, &without)).await.code();
        let held = waiting(&home);
        assert_eq!(held.len(), count + 1, "without {name}");
        assert!(held[count]["detail"].as_str().unwrap().contains(name), "{held:?}");
    }
    let other_app = Console { app_id: "wx0", ..DEMO };
    let forged = other_app.secure(Writing::Json, &gift(Writing::Json, "FORGED", "0", "2"));
    assert_ne!(server.push(&forged).await.code(), 0);
    assert!(history(&home, "FORGED").is_empty());
    assert_eq!(waiting(&home).len(), 3, "nothing proves it, so nothing is kept");
}
