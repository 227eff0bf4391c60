//! The fake as an engine.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio_stream::wrappers::BroadcastStream;

use super::{Fake, FakeContainer, answer, carries, locked, ports};
use crate::runtime::{
    Attached, Container, ContainerChange, ContainerDetails, ContainerEvent, ContainerSpec,
    EngineInfo, ExecOutput, ExecSpec, Image, ImageBuild, Labels, MappedLayer, ProcessOutput,
    Result, Running, Runtime, RuntimeError, UserNamespaces,
};

#[async_trait]
impl Runtime for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn info(&self) -> Result<EngineInfo> {
        self.state().there()?;
        Ok(EngineInfo {
            version: "fake".to_owned(),
            api: "1.41".to_owned(),
            kernel: "6.1.0".to_owned(),
            cgroup_version: 2,
            cgroup_driver: "systemd".to_owned(),
            security: vec!["name=seccomp,profile=default".to_owned()],
            users: UserNamespaces::Host,
            storage: "memory".to_owned(),
            root: "/nowhere".to_owned(),
            cpus: 4,
            memory: 16 << 30,
        })
    }

    async fn list_containers(&self, labels: &Labels) -> Result<Vec<Container>> {
        let state = self.state();
        state.there()?;
        let found = state
            .containers
            .iter()
            .filter(|(_, kept)| carries(&kept.spec.labels, labels));
        Ok(found
            .map(|(name, kept)| Container {
                id: name.clone(),
                name: name.clone(),
                labels: kept.spec.labels.clone(),
                running: kept.pid.is_some(),
                image: kept.spec.image.clone(),
            })
            .collect())
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<String> {
        self.change(format!("create `{}`", spec.name), |state| {
            if state.missing.contains(&spec.image) {
                return Err(RuntimeError::ImageMissing {
                    image: spec.image.clone(),
                });
            }
            if state.containers.contains_key(&spec.name) {
                return Err(RuntimeError::Conflict {
                    message: format!("the name `{}` is in use", spec.name),
                });
            }
            let kept = FakeContainer {
                spec: spec.clone(),
                pid: None,
                exit: None,
                started: None,
                paused: false,
                files: 0,
            };
            state.containers.insert(spec.name.clone(), kept);
            Ok(spec.name.clone())
        })
    }

    async fn fill_volumes(&self, spec: &ContainerSpec) -> Result<()> {
        let created = self.create_container(spec).await;
        let removed = self.remove_container(&spec.name).await;
        created.map(drop).and(removed)
    }

    async fn start_container(&self, container: &str) -> Result<()> {
        let started = self.change(format!("start `{container}`"), |state| {
            let pid = state.process();
            let kept = state.known(container)?;
            if kept.pid.is_some() {
                return Ok(None);
            }
            kept.pid = Some(pid);
            kept.exit = None;
            kept.started = Some(jiff::Timestamp::now());
            Ok(Some(kept.event(container, ContainerChange::Started)))
        })?;
        self.tell(started);
        Ok(())
    }

    async fn inspect_container(&self, container: &str) -> Result<ContainerDetails> {
        let mut state = self.state();
        state.there()?;
        let kept = state.known(container)?;
        Ok(ContainerDetails {
            id: container.to_owned(),
            name: container.to_owned(),
            labels: kept.spec.labels.clone(),
            running: kept.pid.is_some(),
            paused: kept.paused,
            pid: kept.pid,
            exit: kept.exit,
            started: kept.started.map(|at| at.to_string()),
            disk: Some(format!("/disks/{container}")),
        })
    }

    async fn restart_container(&self, container: &str, _patience: Duration) -> Result<()> {
        let events = self.change(format!("restart `{container}`"), |state| {
            let pid = state.process();
            let kept = state.known(container)?;
            kept.pid = Some(pid);
            kept.exit = None;
            kept.started = Some(jiff::Timestamp::now());
            let events = [ContainerChange::Died(137), ContainerChange::Started];
            Ok(events.map(|what| kept.event(container, what)))
        })?;
        self.tell(events);
        Ok(())
    }

    async fn stop_container(&self, container: &str, _patience: Duration) -> Result<()> {
        self.change(format!("stop `{container}`"), |state| {
            state.known(container).map(drop)
        })?;
        self.die(container, 130);
        Ok(())
    }

    async fn pause_container(&self, container: &str) -> Result<()> {
        self.change(format!("pause `{container}`"), |state| {
            state.known(container)?.paused = true;
            Ok(())
        })
    }

    async fn unpause_container(&self, container: &str) -> Result<()> {
        self.change(format!("unpause `{container}`"), |state| {
            state.known(container)?.paused = false;
            Ok(())
        })
    }

    async fn kill_container(&self, container: &str) -> Result<()> {
        self.change(format!("kill `{container}`"), |state| {
            state.known(container).map(drop)
        })?;
        self.die(container, 137);
        Ok(())
    }

    async fn remove_container(&self, container: &str) -> Result<()> {
        let removed = self.change(format!("remove `{container}`"), |state| {
            Ok(state.containers.remove(container))
        })?;
        self.tell(removed.map(|kept| kept.event(container, ContainerChange::Destroyed)));
        Ok(())
    }

    async fn exec(&self, container: &str, exec: &ExecSpec) -> Result<ExecOutput> {
        let program = exec.argv.first().map_or("", String::as_str).to_owned();
        self.change(format!("run `{program}` in `{container}`"), |state| {
            let kept = state.known(container)?;
            if kept.paused {
                let message = format!("container `{container}` is paused");
                return Err(RuntimeError::Conflict { message });
            }
            kept.pid.map(drop).ok_or_else(|| RuntimeError::NotRunning {
                container: container.to_owned(),
            })
        })?;
        if exec.argv.get(1).is_some_and(|role| role == "await-boot") {
            let mut boots = self.boots.subscribe();
            let limit = exec.timeout;
            let booted = tokio::time::timeout(limit, boots.wait_for(|go_on| *go_on)).await;
            booted
                .map_err(|_| RuntimeError::Timeout {
                    doing: "a boot".to_owned(),
                    limit,
                })?
                .map_err(|error| RuntimeError::Transport(Box::new(error)))?;
        }
        answer::answer(&mut self.state(), container, exec)
    }

    async fn attach(&self, container: &str, argv: &[String]) -> Result<Attached> {
        let pid = self.attachable(container)?;
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let (output, input) = tokio::io::split(ours);
        let role = argv.get(1).cloned().unwrap_or_default();
        let state = Arc::clone(&self.state);
        tokio::spawn(async move {
            let (mut read, mut write) = tokio::io::split(theirs);
            // Whoever attached may leave at any time.
            let _ = match role.as_str() {
                "wire" => answer::wire_lines(&state, read, write).await,
                "disks" => answer::measure_lines(&state, read, write).await,
                "observe" => answer::observe(&state, read, write).await,
                "shell" => answer::shell(pid, read, write).await,
                // Says what it hears.
                _ => tokio::io::copy(&mut read, &mut write).await.map(drop),
            };
        });
        Ok(Attached {
            input: Box::pin(input),
            output: Box::pin(output),
        })
    }

    /// Says what it hears, and ends with 0, unless it is a port that leads somewhere.
    async fn exec_attached(&self, container: &str, argv: &[String]) -> Result<Running> {
        if let Some(to) = self.led(argv) {
            self.attachable(container)?;
            return Ok(ports::tunnel(to).await);
        }
        let Attached { input, output } = self.attach(container, argv).await?;
        let said = tokio_util::io::ReaderStream::new(output);
        let said = said.map(|part| {
            part.map(ProcessOutput::Stdout)
                .map_err(|error| RuntimeError::Transport(Box::new(error)))
        });
        let ended = futures_util::stream::once(std::future::ready(Ok(ProcessOutput::Exit(0))));
        Ok(Running {
            input,
            output: said.chain(ended).boxed(),
        })
    }

    async fn events(&self, label: &str) -> Result<BoxStream<'static, Result<ContainerEvent>>> {
        let label = label.to_owned();
        let events = BroadcastStream::new(locked(&self.events).subscribe());
        Ok(events
            .filter_map(move |event| {
                let wanted = event.ok().filter(|event| event.labels.contains_key(&label));
                std::future::ready(wanted.map(Ok))
            })
            .boxed())
    }

    async fn inspect_image(&self, tag: &str) -> Result<Option<Image>> {
        // As for containers: an image that nobody called missing is there.
        let state = self.state();
        let there = !state.missing.contains(tag);
        Ok(there.then(|| state.image(tag)))
    }

    async fn import_image(&self, tar: Bytes, tag: &str, labels: &Labels) -> Result<()> {
        self.change(format!("import `{tag}`"), |state| {
            state.keep_image(tag, tar.len(), labels);
            Ok(())
        })
    }

    async fn build_image(&self, build: ImageBuild) -> Result<BoxStream<'static, Result<String>>> {
        self.change(format!("build `{}`", build.tag), |state| {
            state.keep_image(&build.tag, build.context.len(), &build.labels);
            let line = format!("built {}", build.tag);
            Ok(stream::iter([Ok(line)]).boxed())
        })
    }

    async fn tag_image(&self, image: &str, tag: &str) -> Result<()> {
        self.change(format!("tag `{image}`"), |state| {
            let found = state.images.get(image).cloned();
            let found = found.ok_or_else(|| RuntimeError::ImageMissing {
                image: image.to_owned(),
            })?;
            state.images.insert(tag.to_owned(), found);
            Ok(())
        })
    }

    async fn remove_image(&self, tag: &str) -> Result<()> {
        self.change(format!("remove image `{tag}`"), |state| {
            state.images.remove(tag);
            Ok(())
        })
    }

    async fn commit_container(
        &self,
        container: &str,
        tag: &str,
        labels: &Labels,
    ) -> Result<Option<MappedLayer>> {
        self.change(format!("commit `{container}`"), |state| {
            // As the engine does: the container's own labels are in the image as well.
            let mut all = state.known(container)?.spec.labels.clone();
            all.extend(labels.clone());
            state.keep_image(tag, 0, &all);
            Ok(None)
        })
    }

    async fn list_images(&self, labels: &Labels) -> Result<Vec<String>> {
        let state = self.state();
        let found = state.images.iter();
        let found = found.filter(|(_, image)| carries(&image.labels, labels));
        Ok(found.map(|(tag, _)| tag.clone()).collect())
    }

    async fn create_volume(&self, name: &str, labels: &Labels) -> Result<()> {
        self.change(format!("create volume `{name}`"), |state| {
            state.volumes.insert(name.to_owned(), labels.clone());
            Ok(())
        })
    }

    async fn list_volumes(&self, labels: &Labels) -> Result<Vec<String>> {
        let state = self.state();
        let found = state.volumes.iter().filter(|(_, has)| carries(has, labels));
        Ok(found.map(|(name, _)| name.clone()).collect())
    }

    async fn remove_volume(&self, name: &str) -> Result<()> {
        self.change(format!("remove volume `{name}`"), |state| {
            state.volumes.remove(name);
            Ok(())
        })
    }
}
