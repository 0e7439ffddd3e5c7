//! The list of the cases.

/// Makes a test of each case in each write mode it holds in: `graphs!(time, open)`.
///
/// `time` is a [`Time`](crate::conformance::Time); `open` names an `async fn(Limits) -> Subject` that opens a new, empty
/// store, or a persister: [`Subject::of_saver`](crate::Subject::of_saver). The tests stand in modules named after the modes
/// and the groups of cases, such as `transactional::steps::steps_at_once_run_one_after_the_other`, so the macro wants a
/// module of its own.
#[macro_export]
macro_rules! graphs {
    ($time:expr, $open:path) => {
        $crate::graphs! {
            @modes $time, $open;
            [
                steps by threads {
                    a_plain_action_is_stored_as_it_left_the_state
                    steps_at_once_run_one_after_the_other
                    a_step_that_was_completed_is_followed_by_the_next
                    a_step_that_failed_is_run_again_with_the_state_from_before
                    a_run_that_is_reset_begins_again_with_its_state
                    a_state_that_is_updated_is_stored_at_once
                    what_does_not_run_writes_nothing
                }
                cancelled by threads {
                    a_step_that_is_given_up_has_not_happened
                    that_a_step_was_given_up_is_stored_with_the_next
                    an_action_over_its_time_limit_has_failed
                    calls_go_on_when_the_one_before_them_is_given_up
                }
                writers by threads {
                    processes_that_load_again_lose_no_step
                    a_run_is_made_once
                    tasks_of_one_process_lose_no_step
                }
                failures by threads {
                    a_storage_that_hangs_fails_the_call
                    what_cannot_be_read_is_told
                }
                history by threads {
                    every_checkpoint_loads_exactly
                    a_history_is_told_newest_first_and_in_pages
                    what_is_stored_is_nobody_elses
                    a_step_stores_what_it_changed
                    a_history_that_is_replaced_in_one_step_loads
                    runs_go_on_when_the_storage_is_opened_again
                }
                branches by threads {
                    a_run_that_goes_back_begins_a_branch
                    going_back_alone_stores_nothing
                    a_run_goes_back_to_its_beginning
                    branches_have_histories_of_their_own
                    a_fork_is_a_run_of_its_own
                    a_fork_has_a_history_of_its_own
                    what_is_not_there_cannot_be_forked
                    a_run_of_another_graph_is_refused
                }
                undeclared by threads {
                    an_undeclared_write_fails_the_step
                    values_come_back_as_they_were
                    a_value_that_cannot_be_stored_fails_the_step
                }
                said by threads {
                    an_action_that_fails_after_some_items_has_failed
                    who_stops_listening_gives_the_step_up
                    what_is_said_comes_in_its_order
                }
                hooks by threads {
                    a_hook_that_fails_does_not_stop_the_checkpoint
                    a_step_has_ended_when_it_is_stored
                    each_step_is_stored_once
                    the_end_of_a_call_is_told_with_its_error
                }
                deletion by threads {
                    runs_are_listed_once_each_and_the_latest_first
                    a_run_is_deleted_whole
                    a_late_write_brings_no_deleted_run_back
                    a_checkpoint_on_its_way_brings_no_deleted_run_back
                    a_run_with_something_queued_is_deleted_with_it
                    a_run_is_pruned_to_its_last_checkpoints
                    branches_outlive_what_they_began_with
                    what_only_pruned_checkpoints_had_goes_with_them
                }
                expiry by timed {
                    a_run_expires_after_its_last_checkpoint
                }
                crashes by threads {
                    a_process_may_die_at_every_commit
                    every_commit_and_every_read_may_fail
                }
                random by threads {
                    a_run_is_what_its_story_says
                }
            ] [
                waiting by threads {
                    of_two_processes_one_has_each_step
                    a_step_that_cannot_be_stored_has_not_happened
                    of_an_action_and_its_checkpoint_both_errors_are_told
                    a_lost_answer_is_looked_after
                    a_step_given_up_while_it_is_stored_is_stored_or_not
                }
            ] [
                queued by threads {
                    steps_do_not_wait_for_the_storage
                    a_full_queue_makes_steps_wait
                    a_queue_full_of_bytes_makes_steps_wait
                    a_step_given_up_in_a_full_queue_has_not_happened
                    a_failure_drops_what_builds_on_it_and_is_told_once
                    a_failure_is_told_by_a_step_that_waits_for_room
                    what_is_read_has_what_is_queued
                    what_is_queued_is_stored_when_the_run_is_dropped
                    who_is_second_learns_it_and_has_what_is_stored
                }
            ]
        }
    };
    (@modes $time:expr, $open:path; $both:tt $transactional:tt $queued:tt) => {
        mod transactional {
            #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
            use super::*;

            $crate::graphs! { @groups $crate::graphs::WriteMode::Transactional, $time, $open; $both }
            $crate::graphs! { @groups $crate::graphs::WriteMode::Transactional, $time, $open; $transactional }
        }

        mod fire_and_forget {
            #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
            use super::*;

            $crate::graphs! { @groups $crate::graphs::WriteMode::FIRE_AND_FORGET, $time, $open; $both }
            $crate::graphs! { @groups $crate::graphs::WriteMode::FIRE_AND_FORGET, $time, $open; $queued }
        }
    };
    (@groups $mode:expr, $time:expr, $open:path;
        [$($group:ident by $runner:ident { $($case:ident)* })*]) => {
        $(
            mod $group {
                #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
                use super::*;

                $(
                    #[test]
                    fn $case() {
                        $crate::graphs::$runner($mode, $time, $open, $crate::graphs::$group::$case);
                    }
                )*
            }
        )*
    };
}
