//! A Slurm cluster on this machine, with its own key, ports and daemons in a test's directory.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs};

use super::succeed;
use crate::support::Lab;

/// Longest wait; every step normally takes seconds.
const LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);

/// A cluster of one node with two processors.
pub(super) struct Cluster<'a> {
    lab: &'a Lab,
    daemons: Vec<Child>,
}

impl<'a> Cluster<'a> {
    /// Starts the daemons in `lab`'s directory `slurm` and waits until the node is idle. Arrays can have
    /// `max_tasks` tasks.
    pub(super) fn start(lab: &'a Lab, max_tasks: usize) -> Self {
        let folder = lab.path("slurm");
        for part in ["state", "spool"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        // munged refuses directories that other users can write.
        for folder in [folder.parent().unwrap(), &folder] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        }
        // A random key keeps other users from running jobs here.
        let mut random = [0; 64];
        fs::File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
        let key = lab.put("slurm/munge.key", &random);
        fs::set_permissions(key, fs::Permissions::from_mode(0o400)).unwrap();
        lab.put("slurm/slurm.conf", configuration(lab, max_tasks).as_bytes());

        let mut cluster = Self { lab, daemons: Vec::new() };
        cluster.daemon(
            "munged",
            &[
                "--foreground",
                &format!("--key-file={}/munge.key", folder.display()),
                &format!("--socket={}/munge.socket", folder.display()),
                &format!("--pid-file={}/munged.pid", folder.display()),
                &format!("--log-file={}/munged.log", folder.display()),
                &format!("--seed-file={}/munge.seed", folder.display()),
            ],
        );
        cluster.wait("munged", || folder.join("munge.socket").exists());
        cluster.daemon("slurmctld", &["-D", "-c"]);
        cluster.daemon("slurmd", &["-D"]);
        let idle = || {
            let output = cluster.program("sinfo").args(["--noheader", "--format=%t"]).output().unwrap();
            output.stdout.trim_ascii() == b"idle"
        };
        cluster.wait("the node", idle);
        cluster
    }

    /// Asserts that an array of `tasks` tasks is too large.
    pub(super) fn assert_refused(&self, tasks: usize) {
        let array = format!("--array=0-{}", tasks - 1);
        let output = self.program("sbatch").args([&array, "--wrap=true"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains("Invalid job array"), "{stderr}");
    }

    /// Submits a script with arguments as an array of `tasks` tasks, whose numbers are those of partitions
    /// from `offset` on, and waits until all have succeeded.
    pub(super) fn run_array(&self, tasks: usize, offset: usize, script: &[&str]) {
        let array = format!("--array=0-{}", tasks - 1);
        let mut submit = self.program("sbatch");
        submit.env("DAC_TASK_OFFSET", offset.to_string());
        let job = succeed(submit.args(["--parsable", &array, "--output=slurm/task-%a.log"]).args(script));
        let states = || {
            let output = succeed(self.program("scontrol").args(["--oneliner", "show", "job", job.trim()]));
            let state = |word: &str| word.strip_prefix("JobState=").map(str::to_owned);
            output.split_whitespace().filter_map(state).collect::<Vec<_>>()
        };
        let is_active =
            |state: &String| ["PENDING", "RUNNING", "COMPLETING", "CONFIGURING"].contains(&state.as_str());
        // Waiting tasks share one record, so the states are compared only at the end.
        self.wait("the array", || !states().iter().any(is_active));
        assert_eq!(states(), vec!["COMPLETED"; tasks], "{}", self.logs());
    }

    /// Command that runs a Slurm program with this cluster; PATH contains `dac` for the job script.
    fn program(&self, name: &str) -> Command {
        let mut program = self.lab.program(name);
        let own = std::path::Path::new(env!("CARGO_BIN_EXE_dac")).parent().unwrap();
        let path = env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(own.to_owned()).chain(env::split_paths(&path));
        program.env("PATH", env::join_paths(folders).unwrap());
        program.env("SLURM_CONF", self.lab.path("slurm/slurm.conf"));
        program
    }

    /// Starts a daemon as a child of the test, with its output in a log.
    fn daemon(&mut self, name: &str, arguments: &[&str]) {
        let log = fs::File::create(self.lab.path(&format!("slurm/{name}.log"))).unwrap();
        let mut daemon = self.program(name);
        daemon.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.daemons.push(daemon.spawn().unwrap_or_else(|error| panic!("{name}: {error}")));
    }

    fn wait(&self, what: &str, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < LIMIT, "waited too long for {what}:\n{}", self.logs());
            std::thread::sleep(PAUSE);
        }
    }

    /// Last lines of all logs.
    fn logs(&self) -> String {
        let mut logs = String::new();
        for name in self.lab.names("slurm").iter().filter(|name| name.ends_with(".log")) {
            let text = String::from_utf8_lossy(&self.lab.read(&format!("slurm/{name}"))).into_owned();
            let lines: Vec<_> = text.lines().collect();
            logs.push_str(&format!("-- {name}\n{}\n", lines[lines.len().saturating_sub(12)..].join("\n")));
        }
        logs
    }
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        // Jobs outlive the daemon that started them.
        let _ = self.program("scancel").arg("--state=RUNNING").output();
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn configuration(lab: &Lab, max_tasks: usize) -> String {
    let name = |program: &mut Command| succeed(program).trim().to_owned();
    let (host, user) = (name(Command::new("hostname").arg("-s")), name(Command::new("id").arg("-un")));
    // Both listeners exist at once, so that their ports differ.
    let free = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let [controller, node] = free.map(|listener| listener.local_addr().unwrap().port());
    let folder = lab.path("slurm").display().to_string();
    format!(
        "ClusterName=dac\nMaxArraySize={max_tasks}\n\
         SlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={controller}\nSlurmdPort={node}\n\
         SlurmUser={user}\nSlurmdUser={user}\n\
         AuthType=auth/munge\nAuthInfo=socket={folder}/munge.socket\n\
         StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool\n\
         SlurmctldPidFile={folder}/slurmctld.pid\nSlurmdPidFile={folder}/slurmd.pid\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
         MpiDefault=none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nReturnToService=2\n\
         SchedulerParameters=sched_interval=1,batch_sched_delay=0\n\
         NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN\n\
         PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
    )
}
