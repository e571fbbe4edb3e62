//! Who may do what with whose jobs.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_operator_sees_a_job_and_does_not_answer_for_it() {
    // It asks even when it is told to stop, once.
    let script = |call: &StepCall| {
        Ok(Ok(match (call.kind, call.job.step) {
            (Kind::Advance, _) | (Kind::Cancel, 1) => asking(form()),
            (Kind::Cancel, _) => Step::Cancelled,
        }))
    };
    let setup = setup(Scripted::new(script)).await;
    let job = setup.start().await;
    setup.ended(&job).await;
    let mut operator = principal("local", "operator");
    operator.scopes = ["admin".to_owned()].into();
    assert!(setup.jobs.get(&operator, &job.id).await.is_ok());
    let reply = vec![("n".to_owned(), Reply::Declined)];
    let refused = setup.jobs.reply(&operator, &job.id, reply).await;
    assert!(matches!(refused, Err(JobsError::Denied(_))), "{refused:?}");
    setup.jobs.cancel(&operator, &job.id).await.unwrap();
    assert_eq!(setup.ended(&job).await.job.status, Status::InputRequired);
    setup.jobs.cancel(&operator, &job.id).await.unwrap();
    assert_eq!(setup.ended(&job).await.job.status, Status::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn every_step_is_authorized_anew() {
    let setup = setup(Scripted::new(|_| Ok(Ok(running(1))))).await;
    let job = setup.start().await;
    let mut seen = setup.start().await;
    while seen.step == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        seen = setup.jobs.get(&somebody(), &seen.id).await.unwrap().job;
    }
    *lock(&setup.runner.denied) = Some("the token was withdrawn".to_owned());
    let ended = setup.ended(&job).await.job;
    assert_eq!(ended.status, Status::Failed);
    assert!(ended.error.unwrap().contains("the token was withdrawn"));
}

#[tokio::test(start_paused = true)]
async fn a_job_of_somebody_else_is_not_there() {
    let setup = setup(Scripted::new(|_| Ok(Ok(running(1))))).await;
    let job = setup.start().await;
    let mut admin = principal("elsewhere", "somebody");
    admin.scopes = ["admin".to_owned()].into();
    for stranger in [
        principal("local", "another"),
        principal("elsewhere", "somebody"),
        admin,
    ] {
        let jobs = &setup.jobs;
        let hour = Duration::from_hours(1);
        let answers = [
            jobs.get(&stranger, &job.id).await.err(),
            jobs.wait(&stranger, &job.id, hour, None).await.err(),
            jobs.cancel(&stranger, &job.id).await.err(),
            jobs.retry(&stranger, &job.id).await.err(),
            jobs.log(&stranger, &job.id, 10).await.err(),
            jobs.reply(&stranger, &job.id, Vec::new()).await.err(),
        ];
        for answer in answers {
            assert!(matches!(answer, Some(JobsError::NotFound)), "{answer:?}");
        }
        let page = jobs.list(&stranger, None, None, 10).await.unwrap();
        assert!(page.jobs.is_empty());
        assert_eq!(
            jobs.remove(&stranger, Duration::ZERO, None).await.unwrap(),
            0
        );
    }
    let unknown = setup.jobs.get(&somebody(), &JobId::random()).await;
    assert!(matches!(unknown, Err(JobsError::NotFound)));
}
