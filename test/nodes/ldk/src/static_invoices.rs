//! The memory of static invoice servers.

use crate::args::{Answer, Args, said};
use crate::pending::Kept;
use crate::world::World;
use lightning::blinded_path::message::BlindedMessagePath;
use lightning::offers::static_invoice::StaticInvoice;
use lightning::util::ser::Readable;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct StaticInvoices(BTreeMap<(usize, Vec<u8>, u16), (StaticInvoice, BlindedMessagePath)>);

impl StaticInvoices {
    pub fn put(
        &mut self,
        (node, recipient, slot): (usize, Vec<u8>, u16),
        invoice: StaticInvoice,
        request_path: BlindedMessagePath,
    ) {
        self.0
            .insert((node, recipient, slot), (invoice, request_path));
    }

    pub fn get(
        &self,
        node: usize,
        recipient: &[u8],
        slot: u16,
    ) -> Option<(StaticInvoice, BlindedMessagePath)> {
        self.0.get(&(node, recipient.to_vec(), slot)).cloned()
    }
}

impl World {
    /// Tells the recipient that its invoice is stored.
    pub fn acknowledge_static_invoice(&mut self, args: &Args) -> Answer {
        match self.pending.take(args)? {
            (node, Kept::PersistedAck(responder)) => {
                self.nodes[node].manager.static_invoice_persisted(responder);
                Ok(json!({}))
            }
            _ => Err("that token is not one of `persistStaticInvoice`".to_owned()),
        }
    }

    /// Answers a payer with an invoice, and passes its request on to the recipient.
    pub fn answer_static_invoice_request(&mut self, args: &Args) -> Answer {
        let invoice = StaticInvoice::try_from(args.bytes("invoice")?).map_err(said)?;
        let path = BlindedMessagePath::read(&mut &args.bytes("requestPath")?[..]).map_err(said)?;
        match self.pending.take(args)? {
            (node, Kept::StaticInvoiceRequest(responder, request)) => {
                let manager = &self.nodes[node].manager;
                manager
                    .respond_to_static_invoice_request(invoice, responder, *request, path)
                    .map_err(said)?;
                Ok(json!({}))
            }
            _ => Err("that token is not one of `staticInvoiceRequested`".to_owned()),
        }
    }
}
