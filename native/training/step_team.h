// Who takes the steps of a training or a prediction: the whole team, or its first thread alone.
#pragma once

#include <stdint.h>

#include <chrono>

#include "thread_team.h"

namespace chainrule {

// Whether sharing a step of some microseconds gains anything depends on how far apart the cores are and on what else
// runs on them, which changes. So the way that is not in use is timed now and then, the more seldom the clearer it
// lost. What a step computes does not depend on it.
class StepTeam {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit StepTeam(Time (*now)() = std::chrono::steady_clock::now) : now_(now) {}

  // Steps that follow one another at once; what passes between two jobs is not timed.
  class Job {
   public:
    // What was found out about steps of another number of rows is forgotten.
    Job(StepTeam& steps, ThreadTeam& whole, int64_t rows) : steps_(steps), whole_(whole) { steps.begin(rows); }
    ~Job() { steps_.end(); }
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    // For the next step.
    ThreadTeam& team() {
      if (whole_.size() == 1) return whole_;
      return steps_.next_takes_whole() ? whole_ : steps_.alone_;
    }

   private:
    StepTeam& steps_;
    ThreadTeam& whole_;
  };

 private:
  enum class Stage {
    kRests,        // the better way is taken, and nothing timed
    kTimesBetter,  // it is timed
    kChanges,      // the other way is taken: helpers wake, and caches fill
    kTimesOther,   // it is timed
  };

  void begin(int64_t rows);
  void end() {
    if (times()) seconds_ += seconds_since_start();
  }
  bool next_takes_whole() {
    if (--left_ == 0) go_on();
    return whole_is_better_ != (stage_ == Stage::kChanges || stage_ == Stage::kTimesOther);
  }

  bool times() const { return stage_ == Stage::kTimesBetter || stage_ == Stage::kTimesOther; }
  double seconds_since_start() const { return std::chrono::duration<double>(now_() - started_).count(); }
  void enter(Stage stage, int64_t steps);
  void go_on();
  void rest(double lead);

  Time (*now_)();
  ThreadTeam alone_{1};
  int64_t rows_ = 0;
  bool whole_is_better_ = true;
  double advantage_ = 0;  // of the whole team: ln(time alone / time of all), smoothed
  Stage stage_ = Stage::kRests;
  int64_t window_ = 0;         // steps that are timed together
  int64_t steps_ = 0;          // of this stage
  int64_t left_ = 0;           // of them
  Time started_;               // this stage, or the job if that was later
  double seconds_ = 0;         // in earlier jobs
  double better_seconds_ = 0;  // a step took
};

}  // namespace chainrule
