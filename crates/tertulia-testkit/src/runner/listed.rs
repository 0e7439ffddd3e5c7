//! The list of the cases.

/// Makes a test of each case of what the runner promises: `runner!(time, open)`.
///
/// `time` is a [`Time`](crate::conformance::Time); `open` names an `async fn(Limits) -> Subject` that opens a new, empty
/// store. The tests stand in modules named after the groups of cases, such as `inbox::an_update_that_is_given_again_is_seen`,
/// so the macro wants a module of its own.
#[macro_export]
macro_rules! runner {
    ($time:expr, $open:path) => {
        $crate::runner! { @groups $time, $open;
            inbox by timed {
                what_is_accepted_is_run_once_and_removed
                an_update_that_is_given_again_is_seen
                what_was_accepted_is_run_after_a_restart_in_its_order
                conversations_run_at_once_and_each_in_its_order
                what_is_too_much_is_refused_and_taken_later
                what_is_no_update_goes_to_dead
            }
            batch by timed {
                a_turn_is_there_whole_or_not_at_all
                a_commit_that_fails_is_made_and_once
                a_process_may_die_at_every_commit
                a_turn_whose_log_somebody_wrote_runs_again
            }
            dead by timed {
                tries_are_counted_also_after_a_restart
                an_update_waits_for_its_next_try_also_after_a_restart
                a_dead_update_is_replayed_once
                a_parked_update_holds_its_conversation_until_it_is_let_go
            }
            calls by timed {
                calls_are_made_once_and_in_the_order_of_their_turns
                what_one_process_has_not_called_the_next_one_calls
                a_call_under_way_when_a_process_dies_is_made_as_it_was_asked
                a_call_whose_answer_is_lost_is_made_as_it_was_asked
                a_call_that_cannot_be_made_now_holds_up_its_conversation_only
            }
            stopping by timed {
                a_cancelled_update_is_gone
                a_process_may_die_while_it_cancels
                a_shutdown_runs_what_was_accepted
                what_a_shutdown_leaves_is_told_and_run_by_the_next_process
                a_shutdown_waits_for_handlers
            }
            several by timed {
                two_processes_apply_each_update_once_and_in_order
                two_processes_have_conversations_of_their_own
            }
        }
    };
    (@groups $time:expr, $open:path; $($group:ident by $runner:ident { $($case:ident)* })*) => {
        $(
            mod $group {
                #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
                use super::*;

                $(
                    #[test]
                    fn $case() {
                        $crate::runner::$runner($time, $open, $crate::runner::$group::$case);
                    }
                )*
            }
        )*
    };
}
