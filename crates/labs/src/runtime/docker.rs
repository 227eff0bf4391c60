//! The Docker runtime. Only this module depends on bollard.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ConstantBuilder, Retryable};
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{
    CreateImageOptions, EventsOptionsBuilder, KillContainerOptions, ListContainersOptionsBuilder,
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptions,
    RemoveVolumeOptions, RestartContainerOptionsBuilder, StopContainerOptionsBuilder,
    TagImageOptionsBuilder,
};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use super::{
    Attached, Container, ContainerDetails, ContainerEvent, ContainerSpec, EngineInfo, ExecOutput,
    ExecSpec, Image, ImageBuild, Labels, MappedLayer, Result, Running, Runtime, RuntimeError,
};
use answer::{container_of, event_of, inspected_of};
use failure::{failed, of_container, of_image, unless_missing};
use flavour::Flavour;

mod answer;
mod body;
mod build;
mod exec;
mod failure;
mod flavour;
mod quota;
mod snapshot;

/// A Docker engine, or one that speaks Docker's API.
#[derive(Debug)]
struct Docker {
    client: bollard::Docker,
    /// Whether storage may have quotas.
    quotas: AtomicBool,
    flavour: Flavour,
}

/// Connects to the engine at an address such as `unix:///run/podman/podman.sock`; at `DOCKER_HOST`, or
/// at Docker's usual socket, where none is given.
///
/// # Errors
/// The engine cannot be reached, or refuses access.
pub async fn connect(engine: Option<&str>) -> Result<Arc<dyn Runtime>> {
    // Never an explicit version: an engine refuses what is too new or too old for it, and the
    // two ends that we support do not overlap.
    let client = match engine {
        Some(address) => bollard::Docker::connect_with_host(address),
        None => bollard::Docker::connect_with_defaults(),
    };
    let client = client.map_err(failed)?;
    let client = client.negotiate_version().await.map_err(failed)?;
    let flavour = Flavour::of(&client).await?;
    Ok(Arc::new(Docker {
        client,
        quotas: AtomicBool::new(true),
        flavour,
    }))
}

#[async_trait]
impl Runtime for Docker {
    fn name(&self) -> &'static str {
        self.flavour.name()
    }

    async fn info(&self) -> Result<EngineInfo> {
        let info = self.client.info().await.map_err(failed)?;
        let version = self.client.version().await.map_err(failed)?;
        let cgroups = info.cgroup_version.map(|version| version.to_string());
        Ok(EngineInfo {
            version: version.version.unwrap_or_default(),
            api: version.api_version.unwrap_or_default(),
            kernel: info.kernel_version.unwrap_or_default(),
            // Engines before 20.10 do not say, and know version 1 alone.
            cgroup_version: if cgroups.as_deref() == Some("2") {
                2
            } else {
                1
            },
            cgroup_driver: info
                .cgroup_driver
                .map(|driver| driver.to_string())
                .unwrap_or_default(),
            security: info.security_options.unwrap_or_default(),
            users: self.flavour.user_namespaces(),
            storage: info.driver.unwrap_or_default(),
            root: info.docker_root_dir.unwrap_or_default(),
            cpus: info
                .ncpu
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(1),
            memory: info
                .mem_total
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or(0),
        })
    }

    async fn list_containers(&self, labels: &Labels) -> Result<Vec<Container>> {
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&by_labels(labels))
            .build();
        let found = self.client.list_containers(Some(options)).await;
        Ok(found
            .map_err(failed)?
            .into_iter()
            .map(container_of)
            .collect())
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<String> {
        if let Some(created) = self.create_with_quota(spec).await {
            return created;
        }
        self.create(spec, None).await
    }

    async fn fill_volumes(&self, spec: &ContainerSpec) -> Result<()> {
        let mut filled = self.create_container(spec).await.map(drop);
        if filled.is_ok() && self.flavour.fills_volumes_at_start() {
            filled = self.start_container(&spec.name).await;
        }
        // Also where creating it failed: the engine may have got half-way.
        let removed = self.remove_container(&spec.name).await;
        filled.and(removed)
    }

    async fn start_container(&self, container: &str) -> Result<()> {
        self.client
            .start_container(container, None)
            .await
            .map_err(of_container(container))
    }

    async fn inspect_container(&self, container: &str) -> Result<ContainerDetails> {
        self.client
            .inspect_container(container, None)
            .await
            .map(inspected_of)
            .map_err(of_container(container))
    }

    async fn restart_container(&self, container: &str, patience: Duration) -> Result<()> {
        let options = RestartContainerOptionsBuilder::default()
            .t(whole_seconds(patience))
            .build();
        self.client
            .restart_container(container, Some(options))
            .await
            .map_err(of_container(container))
    }

    async fn stop_container(&self, container: &str, patience: Duration) -> Result<()> {
        let options = StopContainerOptionsBuilder::default()
            .t(whole_seconds(patience))
            .build();
        self.client
            .stop_container(container, Some(options))
            .await
            .map_err(of_container(container))
    }

    async fn pause_container(&self, container: &str) -> Result<()> {
        if self.inspect_container(container).await?.paused {
            return Ok(());
        }
        let paused = self.client.pause_container(container).await;
        paused.map_err(of_container(container))
    }

    async fn unpause_container(&self, container: &str) -> Result<()> {
        if !self.inspect_container(container).await?.paused {
            return Ok(());
        }
        let unpaused = self.client.unpause_container(container).await;
        unpaused.map_err(of_container(container))
    }

    async fn kill_container(&self, container: &str) -> Result<()> {
        self.client
            .kill_container(container, None::<KillContainerOptions>)
            .await
            .map_err(of_container(container))
    }

    async fn remove_container(&self, container: &str) -> Result<()> {
        let remove = || async {
            let options = RemoveContainerOptionsBuilder::default()
                .force(true)
                .v(true)
                .build();
            let removed = self.client.remove_container(container, Some(options)).await;
            removed.map_err(of_container(container))
        };
        let patience = ConstantBuilder::default()
            .with_delay(Duration::from_millis(100))
            .with_max_times(50);
        let removed = remove
            .retry(patience)
            .when(|error| self.flavour.is_busy(error));
        match removed.await {
            // Somebody else is removing it at this moment.
            Err(RuntimeError::Conflict { message }) if message.contains("already in progress") => {
                Ok(())
            }
            other => unless_missing(other),
        }
    }

    async fn exec(&self, container: &str, exec: &ExecSpec) -> Result<ExecOutput> {
        exec::run(&self.client, container, exec).await
    }

    async fn attach(&self, container: &str, argv: &[String]) -> Result<Attached> {
        exec::attach(&self.client, container, argv).await
    }

    async fn exec_attached(&self, container: &str, argv: &[String]) -> Result<Running> {
        exec::attach_all(&self.client, container, argv).await
    }

    async fn events(&self, label: &str) -> Result<BoxStream<'static, Result<ContainerEvent>>> {
        // The actions are named, because a stream with all of them carries every command line
        // that is executed anywhere.
        let mut filters = HashMap::from([
            ("type", vec!["container"]),
            ("event", self.flavour.events().to_vec()),
        ]);
        if self.flavour.filters_by_label() {
            filters.insert("label", vec![label]);
        }
        let mut options = EventsOptionsBuilder::default().filters(&filters);
        if self.flavour.repeats_events() {
            options = options.since(&unix_time());
        }
        let events = self.client.events(Some(options.build()));
        let label = label.to_owned();
        let wanted = move |event: &ContainerEvent| event.labels.contains_key(&label);
        Ok(events
            .map_err(failed)
            .try_filter_map(move |event| {
                std::future::ready(Ok(event_of(event).filter(|event| wanted(event))))
            })
            .boxed())
    }

    async fn inspect_image(&self, tag: &str) -> Result<Option<Image>> {
        let inspected = self.client.inspect_image(tag).await;
        match inspected.map_err(of_image(tag)) {
            Ok(image) => Ok(Some(Image {
                id: image.id.unwrap_or_default(),
                size: image
                    .size
                    .and_then(|size| u64::try_from(size).ok())
                    .unwrap_or(0),
                labels: image
                    .config
                    .and_then(|config| config.labels)
                    .unwrap_or_default()
                    .into_iter()
                    .collect(),
                created: image.created.map(|at| at.to_string()),
            })),
            Err(RuntimeError::ImageMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn import_image(&self, tar: Bytes, tag: &str, labels: &Labels) -> Result<()> {
        let changes = labels
            .iter()
            .map(|(key, value)| format!("LABEL {key}=\"{value}\""))
            .collect();
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(tag.to_owned()),
            changes,
            ..CreateImageOptions::default()
        };
        let body = bollard::body_full(tar);
        let mut answers = self.client.create_image(Some(options), Some(body), None);
        while answers.try_next().await.map_err(failed)?.is_some() {}
        Ok(())
    }

    async fn build_image(&self, build: ImageBuild) -> Result<BoxStream<'static, Result<String>>> {
        Ok(build::lines(self.client.clone(), build))
    }

    async fn tag_image(&self, image: &str, tag: &str) -> Result<()> {
        let (repo, version) = tag.rsplit_once(':').unwrap_or((tag, "latest"));
        let options = TagImageOptionsBuilder::default()
            .repo(repo)
            .tag(version)
            .build();
        self.client
            .tag_image(image, Some(options))
            .await
            .map_err(of_image(image))
    }

    async fn remove_image(&self, tag: &str) -> Result<()> {
        let removed = self
            .client
            .remove_image(tag, None::<RemoveImageOptions>, None)
            .await;
        unless_missing(removed.map(drop).map_err(of_image(tag)))
    }

    async fn commit_container(
        &self,
        container: &str,
        tag: &str,
        labels: &Labels,
    ) -> Result<Option<MappedLayer>> {
        snapshot::commit(&self.client, container, tag, labels).await?;
        match self.flavour.maps_layers() {
            true => snapshot::mapped_layer(&self.client, container, tag).await,
            false => Ok(None),
        }
    }

    async fn list_images(&self, labels: &Labels) -> Result<Vec<String>> {
        snapshot::list(&self.client, labels, self.flavour).await
    }

    async fn create_volume(&self, name: &str, labels: &Labels) -> Result<()> {
        let volume = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        self.client
            .create_volume(volume)
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn list_volumes(&self, labels: &Labels) -> Result<Vec<String>> {
        let options = ListVolumesOptionsBuilder::default()
            .filters(&by_labels(labels))
            .build();
        let found = self.client.list_volumes(Some(options)).await;
        let volumes = found.map_err(failed)?.volumes.unwrap_or_default();
        Ok(volumes.into_iter().map(|volume| volume.name).collect())
    }

    async fn remove_volume(&self, name: &str) -> Result<()> {
        let removed = self
            .client
            .remove_volume(name, None::<RemoveVolumeOptions>)
            .await;
        unless_missing(removed.map_err(of_container(name)))
    }
}

fn by_labels(labels: &Labels) -> HashMap<&'static str, Vec<String>> {
    let wanted = labels
        .iter()
        .map(|(key, value)| match value.as_str() {
            "" => key.clone(),
            value => format!("{key}={value}"),
        })
        .collect();
    HashMap::from([("label", wanted)])
}

/// Seconds since 1970.
fn unix_time() -> String {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    since.as_secs().to_string()
}

fn whole_seconds(patience: Duration) -> i32 {
    i32::try_from(patience.as_secs()).unwrap_or(i32::MAX)
}
