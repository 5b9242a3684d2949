//! A client of each protocol, which says how its library understands the answer.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Request, uri::PathAndQuery};
use http_body_util::Full;
use portcullis::api_key::ApiKey;
use portcullis_tests::net::{Answer, Client, request};
use tonic::{Code, Status, client::Grpc, metadata::AsciiMetadataValue, transport::Channel};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt;

use super::service::{LISTEN, Note, SAY};

/// How a call ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What the client's library makes of it.
    pub(super) code: String,
    /// The ID in the response's head.
    pub(super) request_id: String,
    /// The ID in what programs read of an error.
    pub(super) detail_id: Option<String>,
    /// Everything that came back.
    pub(super) whole: String,
}

/// Where, and as whom.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) address: SocketAddr,
    pub(super) key: Option<ApiKey>,
}

// ===== impl Caller =====

impl Caller {
    pub(super) async fn rest(&self, text: &str) -> Ended {
        let answer = self.post("/notes", &[("content-type", "text/plain")], text);
        let answer = answer.await;
        let problem: serde_json::Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let code = match answer.status.as_u16() {
            200 => "ok".to_owned(),
            status => {
                assert_eq!(answer.header("content-type"), "application/problem+json");
                assert_eq!(problem["status"], status);
                status.to_string()
            }
        };
        let detail_id = problem["request_id"].as_str().map(str::to_owned);
        Ended::new(code, detail_id, &answer)
    }

    /// Asks as the protocol says, and reads the answer by it.
    pub(super) async fn connect(&self, text: &str) -> Ended {
        let body = serde_json::json!({ "text": text }).to_string();
        let answer = self.connect_with(&[], &body).await;
        let error: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(answer.header("content-type"), "application/json");
        if answer.status == 200 {
            return Ended::new("ok".to_owned(), None, &answer);
        }
        let code = error["code"].as_str().unwrap();
        let details = error["details"].as_array().into_iter().flatten();
        let mut ids = details.filter(|detail| detail["type"] == "google.rpc.RequestInfo");
        let id = ids.next().and_then(|id| id["debug"]["requestId"].as_str());
        let code = format!("{} {code}", answer.status.as_u16());
        Ended::new(code, id.map(str::to_owned), &answer)
    }

    pub(super) async fn connect_with(&self, fields: &[(&str, &str)], body: &str) -> Answer {
        let mut headers = vec![
            ("content-type", "application/json"),
            ("connect-protocol-version", "1"),
        ];
        headers.extend(fields);
        self.post(SAY, &headers, body).await
    }

    /// Calls with tonic, by HTTP/2 over a socket of its own.
    pub(super) async fn grpc(&self, text: &str) -> Ended {
        self.grpc_at(SAY, text).await
    }

    pub(super) async fn grpc_at(&self, path: &'static str, text: &str) -> Ended {
        let mut client = self.channel().await;
        let codec = ProstCodec::<Note, Note>::default();
        let path = PathAndQuery::from_static(path);
        let answered = client.unary(self.note(text), path, codec).await;
        Ended::of_grpc(&answered.map(|answer| answer.into_parts().0))
    }

    /// Reads a whole stream: how many notes came, and how it ended.
    pub(super) async fn grpc_stream(&self, text: &str) -> (usize, Code) {
        let mut client = self.channel().await;
        let codec = ProstCodec::<Note, Note>::default();
        let path = PathAndQuery::from_static(LISTEN);
        let streamed = client.server_streaming(self.note(text), path, codec);
        let mut notes = match streamed.await {
            Ok(streamed) => streamed.into_inner(),
            Err(status) => return (0, status.code()),
        };
        let mut came = 0;
        while let Some(note) = notes.next().await {
            match note {
                Ok(_) => came += 1,
                Err(status) => return (came, status.code()),
            }
        }
        (came, Code::Ok)
    }

    async fn channel(&self) -> Grpc<Channel> {
        let channel = Channel::from_shared(format!("http://{}", self.address));
        let mut client = Grpc::new(channel.unwrap().connect().await.unwrap());
        client.ready().await.unwrap();
        client
    }

    fn note(&self, text: &str) -> tonic::Request<Note> {
        let mut request = tonic::Request::new(Note { text: text.into() });
        if let Some(key) = &self.key {
            let key = AsciiMetadataValue::try_from(key.expose()).unwrap();
            request.metadata_mut().insert("x-api-key", key);
        }
        request
    }

    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)], body: &str) -> Answer {
        let request = self.request(path, fields, body.to_owned().into());
        Client::http2(self.address).await.ask(request).await
    }

    pub(super) fn request(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut headers = fields.to_vec();
        headers.extend(self.key.as_ref().map(|key| ("x-api-key", key.expose())));
        let mut request = request(path, &headers);
        *request.method_mut() = Method::POST;
        *request.body_mut() = body.into();
        request
    }
}

// ===== impl Ended =====

impl Ended {
    fn new(code: String, detail_id: Option<String>, answer: &Answer) -> Self {
        Self {
            code,
            request_id: answer.header("x-request-id").to_owned(),
            detail_id,
            whole: format!("{answer:?}"),
        }
    }

    fn of_grpc(answered: &Result<tonic::metadata::MetadataMap, Status>) -> Self {
        let whole = format!("{answered:?}");
        let (code, metadata, detail_id) = match answered {
            Ok(metadata) => (Code::Ok, metadata, None),
            Err(status) => {
                let info = status.get_details_request_info();
                let id = info.map(|info| info.request_id);
                (status.code(), status.metadata(), id)
            }
        };
        let id = metadata.get("x-request-id");
        Self {
            code: format!("{code:?}"),
            request_id: id.map_or("", |id| id.to_str().unwrap()).to_owned(),
            detail_id,
            whole,
        }
    }
}
