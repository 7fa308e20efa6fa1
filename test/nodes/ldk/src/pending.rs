//! Objects of LDK that cannot leave this program, kept under a number until a command names it.

use crate::args::Args;
use lightning::blinded_path::message::OffersContext;
use lightning::offers::invoice::Bolt12Invoice;
use lightning::offers::invoice_request::InvoiceRequest;
use lightning::onion_message::messenger::Responder;
use std::collections::BTreeMap;

pub enum Kept {
    Invoice(Box<Bolt12Invoice>, Option<OffersContext>),
    PersistedAck(Responder),
    StaticInvoiceRequest(Responder, Box<InvoiceRequest>),
}

#[derive(Default)]
pub struct Pending {
    kept: BTreeMap<u64, (usize, Kept)>,
    last: u64,
}

impl Pending {
    pub fn keep(&mut self, node: usize, kept: Kept) -> u64 {
        self.last += 1;
        self.kept.insert(self.last, (node, kept));
        self.last
    }

    pub fn take(&mut self, args: &Args) -> Result<(usize, Kept), String> {
        let token = args.number("token")?;
        self.kept.remove(&token).ok_or_else(|| {
            format!("nothing is kept under token {token}: take it from the event, and use it once")
        })
    }
}
