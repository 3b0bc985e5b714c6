//! Folders of the user's own on disk, and servers that run them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::pushes::{goods, goods_push};
use super::server::{Home, Server};

/// Puts a projection's folder into `dir`, in place of the one there.
pub fn put(dir: &Path, name: &str, files: &[(&str, &str)]) {
    let folder = dir.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// `serve --projections DIR`.
pub fn serve_with(home: &Home, dir: &Path) -> Server {
    Server::start(home.command(&["serve", "--projections", dir.to_str().unwrap()]), home.folder())
}

/// One line of `projections list`, by the projection's name, and the command's exit code.
pub fn listed(home: &Home, dir: &Path, name: &str) -> (i32, Value) {
    let output = home.run(&["projections", "list", "--json", "--projections", dir.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line = lines.find(|line| line["name"] == name);
    (output.status.code().unwrap(), line.unwrap_or_else(|| panic!("{name}: {text}")))
}

/// Pushes an order for 600 fen of this product, which is answered success.
pub async fn buy(home: &Home, server: &Server, number: &str, product: &str) {
    let push = goods_push(
        &home.app(),
        order_ledger::domain::push::GoodsPush { product_id: product.into(), ..goods(number, 600) },
    );
    let answer = server.push(&push).await;
    assert_eq!(answer.code(), 0, "{answer:?}");
}

/// How often the server's log says something.
pub fn times(server: &Server, text: &str) -> usize {
    server.log().matches(text).count()
}
