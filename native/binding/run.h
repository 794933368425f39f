// How a job runs: in its turn on the calling thread, or on a thread of its own with a promise.
#pragma once

#include <napi.h>

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "../training/trainer.h"
#include "arguments.h"

namespace chainrule {

// Holds the trainer for one job, or tells that somebody else does.
class Turn {
 public:
  Turn(Napi::Env env, Trainer& trainer) : trainer_(trainer) {
    if (!trainer.try_acquire()) throw typed_error(env, "BUSY", "expected an idle network, got one that is at work");
  }
  ~Turn() { trainer_.release(); }
  Turn(const Turn&) = delete;

 private:
  Trainer& trainer_;
};

// One job on a thread of its own. It lives until its promise is settled or its environment ends, and keeps the trainer
// and the job's arrays alive so long.
class Run {
 public:
  using Work = std::function<void()>;
  using Report = std::function<Napi::Value(Napi::Env)>;

  // `work` runs on the thread; `report` makes the promise's value afterwards. The caller holds the trainer's turn.
  static Napi::Promise start(Napi::Env env, std::shared_ptr<Trainer> trainer, Napi::Object owner, Napi::Object job,
                             Work work, Report report) {
    Run* run = new Run(env, std::move(trainer), owner, job, std::move(work), std::move(report));
    const Napi::Promise promise = run->deferred_.Promise();
    napi_env raw = env;
    run->settle_ = Settle::New(env, "chainrule job", 0, 1, run);
    // Registered after the thread-safe function, so it runs before that one's own clean-up when the environment ends.
    napi_add_env_cleanup_hook(raw, stop, run);
    try {
      run->thread_ = take_thread(env);
      run->thread_->start([run] { run->work(); });
    } catch (const std::exception& error) {
      run->failure_ = error.what();
      run->trainer_->release();
      run->settle_.NonBlockingCall();
    }
    return promise;
  }

 private:
  static void settle(Napi::Env env, Napi::Function, Run* run, void*) {
    if (env) run->finish(env);
  }
  using Settle = Napi::TypedThreadSafeFunction<Run, void, settle>;

  Run(Napi::Env env, std::shared_ptr<Trainer> trainer, Napi::Object owner, Napi::Object job, Work work, Report report)
      : env_(env),
        trainer_(std::move(trainer)),
        owner_(Napi::Persistent(owner)),
        job_(Napi::Persistent(job)),
        work_(std::move(work)),
        report_(std::move(report)),
        deferred_(Napi::Promise::Deferred::New(env)) {}

  static std::unique_ptr<JobThread> take_thread(Napi::Env env) {
    auto& threads = env.GetInstanceData<InstanceData>()->job_threads;
    if (threads.empty()) return std::make_unique<JobThread>();
    std::unique_ptr<JobThread> last = std::move(threads.back());
    threads.pop_back();
    return last;
  }

  // As many as can run at once; jobs beyond those leave none behind.
  static void keep_thread(Napi::Env env, std::unique_ptr<JobThread> thread) {
    auto& threads = env.GetInstanceData<InstanceData>()->job_threads;
    if (threads.size() < std::thread::hardware_concurrency()) threads.push_back(std::move(thread));
  }

  // On the job's thread.
  void work() {
    try {
      work_();
    } catch (const std::exception& error) {
      failure_ = error.what();
    }
    trainer_->release();
    settle_.NonBlockingCall();
  }

  // On the JavaScript thread, once.
  void finish(Napi::Env env) {
    if (thread_) {
      thread_->wait();
      keep_thread(env, std::move(thread_));
    }
    napi_remove_env_cleanup_hook(env_, stop, this);
    settle_.Release();
    try {
      if (failure_.empty()) {
        deferred_.Resolve(report_(env));
      } else {
        deferred_.Reject(typed_error(env, "INVALID_ARGUMENT", failure_).Value());
      }
    } catch (const Napi::Error&) {
      // The environment is being terminated and runs no JavaScript any more: nobody waits for the promise.
    }
    delete this;
  }

  // The environment ends: nothing may be called in it any more, and its memory is about to go.
  static void stop(void* data) {
    Run* const run = static_cast<Run*>(data);
    run->trainer_->cancel();
    run->thread_.reset();
  }

  napi_env env_;
  std::shared_ptr<Trainer> trainer_;
  Napi::ObjectReference owner_;
  Napi::ObjectReference job_;
  Work work_;
  Report report_;
  Napi::Promise::Deferred deferred_;
  Settle settle_;
  std::unique_ptr<JobThread> thread_;
  std::string failure_;
};

}  // namespace chainrule
