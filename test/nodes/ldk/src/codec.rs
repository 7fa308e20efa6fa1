//! `decode`: LDK's reading of a BOLT 12 object, and its bytes written anew.

use crate::args::{Answer, Args, hex, said};
use lightning::offers::invoice::Bolt12Invoice;
use lightning::offers::invoice_request::InvoiceRequest;
use lightning::offers::offer::{Amount, Offer};
use lightning::offers::refund::Refund;
use lightning::offers::static_invoice::StaticInvoice;
use lightning::util::ser::Writeable;
use serde_json::{Value, json};

/// Takes `text`, or `hex` of the stream without prefix and checksum.
pub fn decode(args: &Args) -> Answer {
    match args.text("kind")? {
        "offer" => match args.maybe_text("text") {
            Some(text) => text
                .parse()
                .map_err(said)
                .map(|offer| describe_offer(&offer)),
            None => Offer::try_from(args.bytes("hex")?)
                .map_err(said)
                .map(|offer| describe_offer(&offer)),
        },
        "refund" => match args.maybe_text("text") {
            Some(text) => text
                .parse()
                .map_err(said)
                .map(|refund| describe_refund(&refund)),
            None => Refund::try_from(args.bytes("hex")?)
                .map_err(said)
                .map(|refund| describe_refund(&refund)),
        },
        "invoiceRequest" => InvoiceRequest::try_from(args.bytes("hex")?)
            .map_err(said)
            .map(|request| describe_request(&request)),
        "invoice" => Bolt12Invoice::try_from(args.bytes("hex")?)
            .map_err(said)
            .map(|invoice| describe_invoice(&invoice)),
        "staticInvoice" => StaticInvoice::try_from(args.bytes("hex")?)
            .map_err(said)
            .map(|invoice| describe_static(&invoice)),
        other => Err(format!(
            "`kind` is offer, refund, invoiceRequest, invoice or staticInvoice, not {other}"
        )),
    }
}

fn amount(amount: Option<Amount>) -> Option<Value> {
    amount.map(|amount| match amount {
        Amount::Bitcoin { amount_msats } => json!({ "msat": amount_msats }),
        Amount::Currency {
            iso4217_code,
            amount,
        } => {
            json!({ "currency": iso4217_code.as_str(), "amount": amount })
        }
    })
}

fn describe_offer(offer: &Offer) -> Value {
    json!({
        "hex": hex(&offer.encode()), "text": offer.to_string(), "id": hex(&offer.id().0),
        "amount": amount(offer.amount()), "description": offer.description().map(|text| text.to_string()),
        "issuer": offer.issuer().map(|text| text.to_string()), "paths": offer.paths().len(),
        "issuerId": offer.issuer_signing_pubkey().map(|id| id.to_string()),
        "absoluteExpiry": offer.absolute_expiry().map(|expiry| expiry.as_secs()),
    })
}

fn describe_refund(refund: &Refund) -> Value {
    json!({
        "hex": hex(&refund.encode()), "text": refund.to_string(), "amountMsat": refund.amount_msats(),
        "description": refund.description().to_string(), "paths": refund.paths().len(),
        "payerId": refund.payer_signing_pubkey().to_string(),
    })
}

fn describe_request(request: &InvoiceRequest) -> Value {
    json!({
        "hex": hex(&request.encode()), "payerId": request.payer_signing_pubkey().to_string(),
        "amountMsat": request.amount_msats(), "quantity": request.quantity(),
        "payerNote": request.payer_note().map(|text| text.to_string()),
    })
}

fn describe_invoice(invoice: &Bolt12Invoice) -> Value {
    json!({
        "hex": hex(&invoice.encode()), "paymentHash": hex(&invoice.payment_hash().0), "amountMsat": invoice.amount_msats(),
        "nodeId": invoice.signing_pubkey().to_string(), "createdAt": invoice.created_at().as_secs(),
        "relativeExpiry": invoice.relative_expiry().as_secs(), "paths": invoice.payment_paths().len(),
        "offerId": invoice.offer_id().map(|id| hex(&id.0)), "signableHash": hex(&invoice.signable_hash()),
    })
}

fn describe_static(invoice: &StaticInvoice) -> Value {
    json!({
        "hex": hex(&invoice.encode()), "nodeId": invoice.signing_pubkey().to_string(), "offerId": hex(&invoice.offer_id().0),
        "createdAt": invoice.created_at().as_secs(), "relativeExpiry": invoice.relative_expiry().as_secs(),
        "paths": invoice.payment_paths().len(), "messagePaths": invoice.held_htlc_available_paths().len(),
        "offerPaths": invoice.offer_message_paths().len(),
    })
}
