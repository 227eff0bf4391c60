//! A runtime that measures the duration of its calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::{
    Attached, Container, ContainerDetails, ContainerEvent, ContainerSpec, EngineInfo, ExecOutput,
    ExecSpec, Image, ImageBuild, Labels, MappedLayer, Result, Running, Runtime,
};
use crate::metrics;

/// Calls another runtime, and counts.
#[derive(Debug)]
struct Measured(Arc<dyn Runtime>);

/// Wraps a runtime to measure every call by verb and outcome.
pub fn measured(runtime: Arc<dyn Runtime>) -> Arc<dyn Runtime> {
    Arc::new(Measured(runtime))
}

async fn timed<T>(verb: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
    let begun = Instant::now();
    let answer = call.await;
    let code = answer.as_ref().err().map(|error| error.code());
    let outcome = code.as_ref().map_or("ok", |code| code.as_str());
    metrics::called(verb, outcome, begun.elapsed());
    answer
}

#[async_trait]
impl Runtime for Measured {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    async fn info(&self) -> Result<EngineInfo> {
        timed("info", self.0.info()).await
    }

    async fn list_containers(&self, labels: &Labels) -> Result<Vec<Container>> {
        timed("list_containers", self.0.list_containers(labels)).await
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<String> {
        timed("create_container", self.0.create_container(spec)).await
    }

    async fn fill_volumes(&self, spec: &ContainerSpec) -> Result<()> {
        timed("fill_volumes", self.0.fill_volumes(spec)).await
    }

    async fn start_container(&self, container: &str) -> Result<()> {
        timed("start_container", self.0.start_container(container)).await
    }

    async fn inspect_container(&self, container: &str) -> Result<ContainerDetails> {
        timed("inspect_container", self.0.inspect_container(container)).await
    }

    async fn restart_container(&self, container: &str, patience: Duration) -> Result<()> {
        let call = self.0.restart_container(container, patience);
        timed("restart_container", call).await
    }

    async fn stop_container(&self, container: &str, patience: Duration) -> Result<()> {
        let call = self.0.stop_container(container, patience);
        timed("stop_container", call).await
    }

    async fn pause_container(&self, container: &str) -> Result<()> {
        timed("pause_container", self.0.pause_container(container)).await
    }

    async fn unpause_container(&self, container: &str) -> Result<()> {
        timed("unpause_container", self.0.unpause_container(container)).await
    }

    async fn kill_container(&self, container: &str) -> Result<()> {
        timed("kill_container", self.0.kill_container(container)).await
    }

    async fn remove_container(&self, container: &str) -> Result<()> {
        timed("remove_container", self.0.remove_container(container)).await
    }

    async fn exec(&self, container: &str, exec: &ExecSpec) -> Result<ExecOutput> {
        timed("exec", self.0.exec(container, exec)).await
    }

    async fn attach(&self, container: &str, argv: &[String]) -> Result<Attached> {
        timed("attach", self.0.attach(container, argv)).await
    }

    async fn exec_attached(&self, container: &str, argv: &[String]) -> Result<Running> {
        timed("exec_attached", self.0.exec_attached(container, argv)).await
    }

    async fn events(&self, label: &str) -> Result<BoxStream<'static, Result<ContainerEvent>>> {
        timed("events", self.0.events(label)).await
    }

    async fn inspect_image(&self, tag: &str) -> Result<Option<Image>> {
        timed("inspect_image", self.0.inspect_image(tag)).await
    }

    async fn import_image(&self, tar: Bytes, tag: &str, labels: &Labels) -> Result<()> {
        timed("import_image", self.0.import_image(tar, tag, labels)).await
    }

    async fn build_image(&self, build: ImageBuild) -> Result<BoxStream<'static, Result<String>>> {
        timed("build_image", self.0.build_image(build)).await
    }

    async fn tag_image(&self, image: &str, tag: &str) -> Result<()> {
        timed("tag_image", self.0.tag_image(image, tag)).await
    }

    async fn remove_image(&self, tag: &str) -> Result<()> {
        timed("remove_image", self.0.remove_image(tag)).await
    }

    async fn commit_container(
        &self,
        container: &str,
        tag: &str,
        labels: &Labels,
    ) -> Result<Option<MappedLayer>> {
        let call = self.0.commit_container(container, tag, labels);
        timed("commit_container", call).await
    }

    async fn list_images(&self, labels: &Labels) -> Result<Vec<String>> {
        timed("list_images", self.0.list_images(labels)).await
    }

    async fn create_volume(&self, name: &str, labels: &Labels) -> Result<()> {
        timed("create_volume", self.0.create_volume(name, labels)).await
    }

    async fn list_volumes(&self, labels: &Labels) -> Result<Vec<String>> {
        timed("list_volumes", self.0.list_volumes(labels)).await
    }

    async fn remove_volume(&self, name: &str) -> Result<()> {
        timed("remove_volume", self.0.remove_volume(name)).await
    }
}
