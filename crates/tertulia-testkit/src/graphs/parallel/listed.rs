//! The list of the cases.

/// Makes a test of each case of actions that run others: `parallel!(time, open)`. `time` is a
/// [`Time`](crate::conformance::Time); `open` names an `async fn(Limits) -> Subject` that opens a new, empty store.
#[macro_export]
macro_rules! parallel {
    ($time:expr, $open:path) => {
        $crate::parallel! { @cases $time, $open;
            loops {
                each_child_runs_once_in_each_pass
                after_a_crash_only_the_children_that_had_not_ended_run
                a_child_goes_on_where_it_was
                a_child_that_had_come_to_where_it_was_to_is_not_run_on
                going_back_gives_other_children
                a_branch_that_failed_is_told_from_another_that_did
                children_begin_when_what_is_queued_of_their_parent_is_stored
            }
            failures {
                the_first_failure_cancels_the_others
                nothing_of_a_cancelled_child_is_written_late
                a_step_that_is_tried_again_runs_what_failed_and_nothing_else
                failures_are_collected
                never_more_than_the_limit_run_at_once
                children_cannot_have_one_name
            }
            keeping {
                children_are_not_listed_and_go_with_their_parent
                children_of_pruned_steps_go_too
                the_children_of_another_run_of_the_name_are_not_taken
                a_run_that_is_deleted_gets_no_children
                children_are_kept_elsewhere_or_nowhere
                a_child_knows_its_parent
                the_histories_of_children_are_whole
            }
            shapes {
                all_states_go_through_all_graphs
                children_have_children
                children_are_awaited_and_take_inputs
                what_children_say_their_parents_step_says
                what_children_have_said_is_said_again_when_the_step_is_tried_again
            }
        }
    };
    (@cases $time:expr, $open:path; $($group:ident { $($case:ident)* })*) => {
        $(mod $group {
            #[allow(unused_imports, reason = "`open` may be named by a path of its own")]
            use super::*;

            $(#[test]
            fn $case() {
                $crate::graphs::parallel::timed($time, $open, $crate::graphs::parallel::$group::$case);
            })*
        })*
    };
}
