//! The files that fuzzing begins with hold what fuzzing looks for: without a fuzzer, whole and damaged.

#[path = "../fuzz/src/bill.rs"]
mod bill;

#[test]
fn a_bill_is_read_the_same_twice_and_adds_up_or_is_refused_however_it_is_damaged() {
    let profiles = bill::profiles();
    for (name, bytes) in bill::seeds() {
        bill::check(&profiles, &bytes);
        // Cut, and one byte changed, at places spread over the file.
        let step = (bytes.len() / 40).max(1);
        for place in (0..bytes.len()).step_by(step) {
            bill::check(&profiles, &bytes[..place]);
            for change in [0xff, 0x01, b',' ^ b'`'] {
                let mut damaged = bytes.clone();
                damaged[place] ^= change;
                bill::check(&profiles, &damaged);
            }
        }
        println!("{name}: {} bytes", bytes.len());
    }
}
