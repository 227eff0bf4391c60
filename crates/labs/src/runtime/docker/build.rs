//! Building an image.

use bollard::query_parameters::BuildImageOptions;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::runtime::{ImageBuild, Result, RuntimeError};

/// The lines of a build's output. Dropping the stream ends the build.
pub(super) fn lines(
    client: bollard::Docker,
    build: ImageBuild,
) -> BoxStream<'static, Result<String>> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        let gone = sender.clone();
        tokio::select! {
            () = gone.closed() => {}
            () = run(&client, build, sender) => {}
        }
    });
    ReceiverStream::new(receiver).boxed()
}

async fn run(client: &bollard::Docker, build: ImageBuild, lines: mpsc::Sender<Result<String>>) {
    let options = BuildImageOptions {
        dockerfile: "Dockerfile".to_owned(),
        t: Some(build.tag),
        nocache: build.no_cache,
        rm: true,
        forcerm: true,
        buildargs: Some(build.args.into_iter().collect()),
        labels: Some(build.labels.into_iter().collect()),
        networkmode: build.network,
        ..BuildImageOptions::default()
    };
    let body = bollard::body_full(build.context);
    let mut answers = client.build_image(options, None, Some(body));
    loop {
        let line = match answers.try_next().await {
            Ok(Some(info)) => info.stream.or(info.status),
            Ok(None) => return,
            Err(error) => {
                let _ = lines.send(Err(build_failure(error))).await;
                return;
            }
        };
        for line in line.iter().flat_map(|text| text.lines()) {
            if !line.is_empty() && lines.send(Ok(line.to_owned())).await.is_err() {
                return;
            }
        }
    }
}

fn build_failure(error: bollard::errors::Error) -> RuntimeError {
    let error = super::failed(error);
    if let RuntimeError::Engine { message, .. } = error {
        return RuntimeError::Build { message };
    }
    error
}
