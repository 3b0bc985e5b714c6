//! What the document says of finding an id.

use serde_json::{Value, json};

use crate::limits;
use crate::lookup::Verdict;

pub fn operation() -> Value {
    let id =
        json!({"type": "string", "minLength": 1, "maxLength": limits::LOOKUP_CHARS_MAX, "pattern": r"\S"});
    let app = json!({"type": "string", "pattern": "^[a-z0-9]{1,32}$"});
    json!({
        "tags": ["lookup"],
        "summary": "Find an id and say what became of it",
        "description": "Looks for an OutTradeNo, TransactionId, MchOrderNo, RefundId, gift number, OpenId or id in \
                        quarantine among orders, refunds, gifts, quarantine, conflicts, mocks, players, the \
                        lines of imported bills and the requests that were refused in the last 7 days; with \
                        as_of all but those, as of then. Needs the role support, audit or admin; \
                        support sees players masked.",
        "operationId": "lookup",
        "security": [{"bearer": []}],
        "parameters": [
            {"name": "id", "in": "query", "required": true, "description": "The id, whole", "schema": id,
             "example": "4200000202601010000000001"},
            {"name": "app", "in": "query", "required": false, "description": "Only of this app", "schema": app},
            super::questions::as_of(),
        ],
        "responses": {
            "200": {"description": "The verdict; `no_trace` too", "content": {"application/json": {"schema": answer()}}},
            "404": {"$ref": "#/components/responses/NotFound"},
        },
    })
}

fn answer() -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let nullable = |description: &str| json!({"type": ["string", "null"], "description": description});
    let found = json!({
        "type": "object",
        "description": "One thing that has the id, with its fields",
        "properties": {"where": text("orders, refunds, gifts, quarantine, conflict, mock, billed, refused, players_orders, …")},
        "required": ["where"],
        "additionalProperties": true,
    });
    let looked_in = json!({
        "type": "object",
        "properties": {
            "where": text("A place"),
            "position": nullable("What it is as of"),
            "problem": nullable("Why it could not be looked at"),
        },
        "required": ["where", "position", "problem"],
        "additionalProperties": false,
    });
    let fields = json!({
        "id": text("As it was looked for"),
        "verdict": {"type": "string", "enum": Verdict::ALL},
        "words": text("The verdict as a sentence"),
        "words_zh": text("The same in Chinese"),
        "next_step": text("What to do"),
        "next_step_zh": text("The same in Chinese"),
        "found": {"type": "array", "items": found},
        "looked_in": {"type": "array", "items": looked_in},
    });
    super::questions::object(fields)
}
