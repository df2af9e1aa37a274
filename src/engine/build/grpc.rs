//! Calls over connections that the engine hands over: ours to the builder, and the builder's to us.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::http::uri::PathAndQuery;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioExecutor;
use prost::Message;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::server::{StreamingService, UnaryService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

use crate::engine::error::{Error, chain};

/// Answers of builders, which tell of many steps at once, are not longer than this.
const LONGEST_MESSAGE: usize = 64 << 20;

/// What may be under way on one stream: files are large, and the engine is near.
const WINDOW: u32 = 4 << 20;

pub(super) type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Calls that we make.
#[derive(Clone)]
pub(super) struct Channel {
    sender: SendRequest<Body>,
}

impl tower_service::Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Later<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.sender.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}

impl Channel {
    /// Begins to speak on a connection. The second value has to be driven for as long as calls are
    /// made.
    pub(super) async fn open(
        io: Upgraded,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), Error> {
        let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
        let (sender, connection) =
            builder.handshake(io).await.map_err(|error| Error::Answer(chain(&error)))?;
        // How it ends is seen by the calls that are under way.
        Ok((Self { sender }, async move { drop(connection.await) }))
    }

    /// Waits until one more call can be made.
    async fn ready(&self) -> Result<Grpc<Self>, Status> {
        let origin = Uri::from_static("http://engine");
        let client = Grpc::with_origin(self.clone(), origin);
        let mut client = client.max_decoding_message_size(LONGEST_MESSAGE);
        client.ready().await.map_err(|error| Status::unavailable(chain(&error)))?;
        Ok(client)
    }

    /// A question with one answer.
    pub(super) async fn ask<Q, A>(&self, method: &'static str, question: Q) -> Result<A, Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let (path, codec) = (PathAndQuery::from_static(method), ProstCodec::<Q, A>::default());
        let question = tonic::Request::new(question);
        let answer = self.ready().await?.unary(question, path, codec).await?;
        Ok(answer.into_inner())
    }

    /// A question with many answers.
    pub(super) async fn listen<Q, A>(
        &self,
        method: &'static str,
        question: Q,
    ) -> Result<Streaming<A>, Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let (path, codec) = (PathAndQuery::from_static(method), ProstCodec::<Q, A>::default());
        let question = tonic::Request::new(question);
        let answer = self.ready().await?.server_streaming(question, path, codec).await?;
        Ok(answer.into_inner())
    }
}

/// Who answers the calls of a builder.
pub(super) trait Service: Send + Sync + 'static {
    /// The paths of all that can be called.
    const METHODS: &'static [&'static str];

    fn answer(self: Arc<Self>, request: Request<Incoming>) -> Later<Response<Body>>;
}

/// Answers calls on a connection until it ends.
pub(super) fn serve<S: Service>(
    io: Upgraded,
    service: Arc<S>,
) -> impl Future<Output = ()> + Send + 'static {
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = Arc::clone(&service).answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let connection = builder.serve_connection(io, answer);
    // The builder goes when it needs us no more.
    async move { drop(connection.await) }
}

/// One method that answers with one message.
struct Unary<F>(F);

impl<F, Q, A> UnaryService<Q> for Unary<F>
where
    F: FnMut(tonic::Request<Q>) -> Later<Result<A, Status>>,
    A: 'static,
{
    type Response = A;
    type Future = Later<Result<tonic::Response<A>, Status>>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let answer = (self.0)(request);
        Box::pin(async move { answer.await.map(tonic::Response::new) })
    }
}

/// Answers a call that asks and is answered with one message each.
pub(super) fn unary<Q, A, F>(request: Request<Incoming>, answer: F) -> Later<Response<Body>>
where
    Q: Message + Default + 'static,
    A: Message + 'static,
    F: FnMut(tonic::Request<Q>) -> Later<Result<A, Status>> + Send + Sync + 'static,
{
    let mut server = tonic::server::Grpc::new(ProstCodec::<A, Q>::default());
    Box::pin(async move { server.unary(Unary(answer), request).await })
}

/// Messages on their way to the builder.
pub(super) type Messages<A> =
    Pin<Box<dyn futures_util::Stream<Item = Result<A, Status>> + Send + 'static>>;

/// One method with a stream of messages each way.
struct Both<F>(F);

impl<F, Q, A> StreamingService<Q> for Both<F>
where
    F: FnMut(tonic::Request<Streaming<Q>>) -> Later<Result<Messages<A>, Status>>,
    A: 'static,
{
    type Response = A;
    type ResponseStream = Messages<A>;
    type Future = Later<Result<tonic::Response<Messages<A>>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Q>>) -> Self::Future {
        let answer = (self.0)(request);
        Box::pin(async move { answer.await.map(tonic::Response::new) })
    }
}

/// Answers a call that is a stream of messages each way.
pub(super) fn both<Q, A, F>(request: Request<Incoming>, answer: F) -> Later<Response<Body>>
where
    Q: Message + Default + 'static,
    A: Message + 'static,
    F: FnMut(tonic::Request<Streaming<Q>>) -> Later<Result<Messages<A>, Status>>
        + Send
        + Sync
        + 'static,
{
    let mut server = tonic::server::Grpc::new(ProstCodec::<A, Q>::default());
    Box::pin(async move { server.streaming(Both(answer), request).await })
}

/// The answer to a call that nobody answers.
pub(super) fn unknown(path: &str) -> Response<Body> {
    Status::unimplemented(format!("no method {path}")).into_http()
}
