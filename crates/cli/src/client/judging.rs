//! Operations of the API on gradings of attempts.

use plateau_core::api::{
    AcceptGradingRequest, GradingView, LabView, RegradeRequest, RegradingProposal,
};
use reqwest::Method;

use super::{Client, segment};
use crate::failure::Failure;

impl Client {
    /// Lists the gradings of an attempt.
    pub(crate) async fn gradings(&self, attempt: &str) -> Result<Vec<GradingView>, Failure> {
        self.get(&below(attempt, "gradings")).await
    }

    /// Grades an attempt by a corrected scenario.
    pub(crate) async fn regrade(
        &self,
        attempt: &str,
        new: &RegradeRequest,
    ) -> Result<RegradingProposal, Failure> {
        self.post(&below(attempt, "gradings"), new).await
    }

    /// Lets a grading of an attempt count.
    pub(crate) async fn accept(
        &self,
        attempt: &str,
        grading: &str,
        accept: &AcceptGradingRequest,
    ) -> Result<Vec<GradingView>, Failure> {
        let grading = segment(grading);
        let path = format!("{}/{grading}/accept", below(attempt, "gradings"));
        self.post(&path, accept).await
    }

    /// Opens the lab of an attempt again.
    pub(crate) async fn revisit(&self, attempt: &str) -> Result<LabView, Failure> {
        let request = self.request(Method::POST, &below(attempt, "lab"))?;
        super::answer(self.send(request).await?).await
    }

    /// Removes the lab that was opened again.
    pub(crate) async fn leave(&self, attempt: &str) -> Result<(), Failure> {
        let request = self.request(Method::DELETE, &below(attempt, "lab"))?;
        self.send(request).await.map(drop)
    }
}

fn below(attempt: &str, what: &str) -> String {
    format!("/v1/attempts/{}/{what}", segment(attempt))
}
