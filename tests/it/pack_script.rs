//! The arithmetic of an audit pack's script: Ed25519 against the vectors of RFC 8032 and against this program's own.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use order_ledger::ed25519::{SigningKey, key_file};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/audit/pack/verify.py");

/// Python, as an auditor has it: nothing but its standard library.
pub fn python(args: &[&str], input: &str) -> Output {
    let mut command = Command::new("python3");
    command.args(["-I", "-B"]).args(args);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| {
        panic!("python3 cannot be run, and this test needs it; scripts/install-venv installs it: {error}")
    });
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Calls a function of the script once for each line, whose words are its arguments as bytes in hex; `-` is empty.
fn called(function: &str, lines: &[String]) -> Vec<String> {
    let program = format!(
        "import sys\n\
         verify = type(sys)('verify')\n\
         exec(open(sys.argv[1]).read(), verify.__dict__)\n\
         for line in sys.stdin:\n\
         \x20   print({function}(*(bytes.fromhex(word.strip('-')) for word in line.split())))\n"
    );
    let output = python(&["-c", &program, SCRIPT], &lines.join("\n"));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn verified(lines: &[String]) -> Vec<String> {
    called("verify.ed25519_verify", lines)
}

fn line(public: &[u8], message: &[u8], signature: &[u8]) -> String {
    let hex = |bytes: &[u8]| if bytes.is_empty() { "-".to_owned() } else { hex::encode(bytes) };
    [public, message, signature].map(hex).join(" ")
}

/// Public key, message and signature of RFC 8032, section 7.1.
const VECTORS: [[&str; 3]; 4] = [
    [
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
    // SHA(abc): the message is SHA-512 of "abc".
    [
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ],
];

#[test]
fn the_vectors_of_rfc_8032_verify_and_with_any_bit_changed_they_do_not() {
    let (mut lines, mut expected) = (vec![], vec![]);
    for vector in VECTORS {
        let [public, message, signature] = vector.map(|text| hex::decode(text).unwrap());
        lines.push(line(&public, &message, &signature));
        expected.push("True");
        for bit in (0..512).step_by(3) {
            let mut other = signature.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            lines.push(line(&public, &message, &other));
            expected.push("False");
        }
        let more = [message.as_slice(), b"x"].concat();
        lines.push(line(&public, &more, &signature));
        lines.push(line(&public, &message, &signature[..63]));
        lines.push(line(&public[..31], &message, &signature));
        expected.extend(["False"; 3]);
    }
    assert_eq!(verified(&lines), expected);
}

/// A number of 32 bytes, the lowest first, plus another.
fn sum(number: &[u8], add: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let add_one = |(one, other): (&u8, &u8)| {
        let total = u16::from(*one) + u16::from(*other) + carry;
        carry = total >> 8;
        total.to_le_bytes()[0]
    };
    number.iter().zip(add).map(add_one).collect()
}

#[test]
fn what_encodes_a_point_or_a_number_in_a_second_way_is_refused() {
    // L, the order of the base point.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    for [public, message, signature] in VECTORS {
        let bytes = |text: &str| hex::decode(text).unwrap();
        let (public, message, signature) = (bytes(public), bytes(message), bytes(signature));
        let beyond = [&signature[..32], &sum(&signature[32..], &order)].concat();
        assert_eq!(verified(&[line(&public, &message, &beyond)]), ["False"], "S + L");
    }
    let p = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    let last = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    let one = format!("01{}", "00".repeat(31));
    let points = [
        // y = 1, which is the neutral element; the same with the sign of x = 0, and as P + 1.
        (one.clone(), true),
        (format!("01{}80", "00".repeat(30)), false),
        (p.replacen("ed", "ee", 1), false),
        // y = 0, then as P; the largest y, and the greatest number.
        ("00".repeat(32), true),
        (p.to_owned(), false),
        (p.replacen("ed", "ec", 1), true),
        (last.to_owned(), false),
        ("ff".repeat(32), false),
        // y = 2 is on no point of the curve.
        (format!("02{}", "00".repeat(31)), false),
    ];
    let lines: Vec<_> = points.iter().map(|(point, _)| point.clone()).collect();
    let decoded = called("verify.decode_point", &lines);
    for ((point, is_one), decoded) in points.iter().zip(decoded) {
        assert_eq!(decoded != "None", *is_one, "{point}: {decoded}");
    }
}

#[test]
fn what_this_program_signs_verifies_and_nothing_else() {
    let (mut lines, mut expected) = (vec![], vec![]);
    for number in 0..40_u8 {
        let key = SigningKey::parse(&key_file(&[number; 32])).unwrap();
        let public = hex::decode(key.public().to_string()).unwrap();
        let message = vec![number; usize::from(number) * 7];
        let signature = key.sign(&message);
        lines.push(line(&public, &message, signature.as_ref()));
        expected.push("True");
        let other = SigningKey::parse(&key_file(&[number + 1; 32])).unwrap().sign(&message);
        lines.push(line(&public, &message, other.as_ref()));
        expected.push("False");
    }
    assert_eq!(verified(&lines), expected);
}
