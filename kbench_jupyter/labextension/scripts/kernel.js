// One notebook's line to its kernel: whether kbench_jupyter answers there, and if not, why and what to type.

const TARGET = "kbench_jupyter";
const PROTOCOL = 1;
const NAME = "kbench_jupyter";
// Asked without a trace in the notebook; nothing is imported and nothing is named by it.
const QUESTIONS = {
  installed: `__import__("importlib.util").util.find_spec("${NAME}") is not None`,
  loaded: `"kbench" in get_ipython().magics_manager.magics["line"]`,
  listens: `"${TARGET}" in get_ipython().kernel.comm_manager.targets`,
  version: `str(getattr(__import__("sys").modules.get("${NAME}"), "__version__", ""))`,
};
const LOAD = `get_ipython().extension_manager.load_extension("${NAME}")`;
const LATER = ["restarting", "autorestarting", "dead", "terminating"];

// What there is to say for each state but "open". `type` is what to type into a cell.
const SAID = {
  starting: { line: "The kernel is starting…" },
  none: { line: "This notebook has no kernel: choose one in the menu, Kernel › Change Kernel…" },
  gone: { line: "The kernel has ended or is restarting: the panel comes when it answers." },
  asking: { line: "Waiting for the kernel…" },
  other: { line: "Tasks are written in Python, and this notebook's kernel runs another language." },
  idle: { line: "This notebook does not load kbench_jupyter.", type: "%load_ext kbench_jupyter", load: true },
  unloaded: {
    line: "kbench_jupyter is not loaded in this kernel.",
    type: "%load_ext kbench_jupyter",
    load: true,
  },
  missing: {
    line: "kbench_jupyter is not installed where this kernel runs.",
    type: "%pip install kbench-jupyter",
  },
  old: {
    line: "This kernel's kbench_jupyter knows no sidebar: bring it up to date, then restart the kernel.",
    type: "%pip install -U kbench-jupyter",
  },
  shared: {
    line:
      "Another notebook in this window uses the same kernel: the panel is beside that one. " +
      "To have it here, close both, then open this one.",
  },
  failed: { line: "kbench_jupyter could not be loaded in this kernel.", type: "%load_ext kbench_jupyter" },
};

const value = (answer) => answer?.data?.["text/plain"];
const isTrue = (answer) => value(answer) === "True";

export class KernelLine {
  // `changed(line)` is called whenever something else is to be shown, `told(line, message)` with the kernel's word.
  constructor(context, { changed, told }) {
    this.context = context;
    this.session = context.sessionContext;
    this.changed = changed;
    this.told = told;
    this.asked = new Map();
    this.number = 0;
    this.reset();
    this.onKernel = () => this.begin();
    this.onStatus = (_, status) => this.statusIs(status);
    this.session.kernelChanged.connect(this.onKernel);
    this.session.statusChanged.connect(this.onStatus);
    this.onMessage = (_, { header }) => this.heard(header.session);
    this.session.iopubMessage.connect(this.onMessage);
    // A document that is closed takes its connection along before its notebook says so.
    this.session.disposed.connect(() => this.drop());
    // Until then it is not said that there is none; one that was shut down later is none.
    this.session.ready.then(() => {
      this.settled = true;
      if (!this.disposed) this.changed(this);
    });
  }

  dispose() {
    this.session.kernelChanged.disconnect(this.onKernel);
    this.session.statusChanged.disconnect(this.onStatus);
    this.session.iopubMessage.disconnect(this.onMessage);
    this.drop();
    this.disposed = true;
  }

  // What was known of a kernel is not known of another.
  reset() {
    this.state = this.kernel ? "idle" : "none";
    this.signed = ""; // the session of its messages
    this.panel = null; // the workflow panel's model id
    this.problem = null; // why there is none
    this.runs = null;
    this.marks = [];
    this.version = "";
    this.left = false;
    this.mayLoad = false; // whether somebody wants it loaded: also one who comes while the kernel is still asked
    this.round = (this.round ?? 0) + 1;
  }

  get kernel() {
    return this.session.session?.kernel ?? null;
  }

  get isOpen() {
    return this.state === "open";
  }

  // What to show instead of a panel: {line, type, load}.
  get said() {
    const isStarting = this.state === "none" && !this.settled;
    const said = { ...SAID[isStarting ? "starting" : this.state] };
    if (this.state === "old" && this.version)
      said.line = `kbench_jupyter ${this.version} in this kernel knows no sidebar: bring it up to date, then restart the kernel.`;
    if (this.state === "asking" && this.session.session?.kernel?.status === "busy")
      said.line = "The kernel is busy: the panel comes when it answers.";
    return said;
  }

  turn(state) {
    this.state = state;
    this.changed(this);
  }

  drop() {
    const { comm } = this;
    this.comm = null;
    for (const resolve of this.asked.values()) resolve({ problem: "The kernel has ended." });
    this.asked.clear();
    if (comm && !comm.isDisposed) {
      comm.onClose = () => {};
      try {
        comm.close();
      } catch {
        // its kernel is gone, which is why it is dropped
      }
    }
  }

  // Begins anew; `left` says that the kernel itself has closed the line, as %unload_ext does.
  begin({ left = false } = {}) {
    this.drop();
    this.reset();
    this.left = left;
    this.changed(this);
  }

  statusIs(status) {
    if (LATER.includes(status)) {
      this.drop();
      this.reset();
      this.turn("gone");
    } else if (this.state === "gone" || (this.state === "none" && this.kernel)) this.begin();
    else if (this.state === "asking") this.changed(this);
  }

  // A kernel that another page has restarted says so before this page hears it again; but each process of a kernel
  // signs what it says with a session of its own.
  heard(session) {
    const before = this.signed;
    this.signed = session;
    if (before && session !== before) this.begin();
  }

  // Finds out whether the kernel answers, and opens the line; with `load`, it is loaded where it only is installed.
  async open({ load = false } = {}) {
    const { kernel } = this;
    this.mayLoad ||= load;
    if (!kernel || this.isOpen || this.state === "asking") return;
    const round = this.round;
    const stale = () => this.disposed || round !== this.round || kernel !== this.kernel;
    this.turn("asking");
    try {
      const { language_info: language } = await kernel.info;
      if (stale()) return;
      if (language.name !== "python") return this.turn("other");
      let found = await this.ask_kernel(kernel);
      if (stale()) return;
      if (!found.loaded && found.installed && this.mayLoad) {
        const reply = await this.run(kernel, LOAD, {});
        if (stale()) return;
        if (reply.status !== "ok") return this.turn("failed");
        found = await this.ask_kernel(kernel);
        if (stale()) return;
      }
      this.version = found.version;
      if (found.listens) this.connect(kernel);
      else if (found.loaded) this.turn("old");
      else this.turn(found.installed ? "unloaded" : "missing");
    } catch (error) {
      console.debug("kbench:", error); // the kernel went away while it was asked
      if (!stale()) this.turn("gone"); // until it is heard of again
    }
  }

  async run(kernel, code, questions) {
    const reply = await kernel.requestExecute({
      code,
      silent: true,
      store_history: false,
      allow_stdin: false,
      stop_on_error: false,
      user_expressions: questions,
    }).done;
    return reply.content;
  }

  async ask_kernel(kernel) {
    const { user_expressions: said = {} } = await this.run(kernel, "", QUESTIONS);
    return {
      installed: isTrue(said.installed),
      loaded: isTrue(said.loaded),
      listens: isTrue(said.listens),
      version: (value(said.version) ?? "").replace(/^['"]|['"]$/g, ""),
    };
  }

  connect(kernel) {
    let comm;
    try {
      comm = kernel.createComm(TARGET);
    } catch {
      return this.turn("shared"); // JupyterLab lets one notebook of a window have a kernel's comms
    }
    this.comm = comm;
    comm.onMsg = ({ content }) => this.receive(content.data);
    comm.onClose = () => {
      if (this.comm === comm) this.begin({ left: true });
    };
    comm.open({ protocol: PROTOCOL });
  }

  receive(message) {
    if (message.hello) {
      if (message.hello.protocol !== PROTOCOL) {
        this.version = message.hello.version;
        this.drop();
        return this.turn("old");
      }
      this.version = message.hello.version;
      this.left = false;
      return this.turn("open");
    }
    if (message.reply !== undefined) {
      this.asked.get(message.reply)?.(message);
      this.asked.delete(message.reply);
      return;
    }
    if (message.panel) Object.assign(this, { panel: message.panel, problem: null });
    if (message.problem) this.problem = message.problem;
    if (message.runs) this.runs = message.runs;
    if (message.marks) this.marks = message.marks;
    this.told(this, message);
  }

  send(message) {
    try {
      this.comm?.send(message);
    } catch (error) {
      console.debug("kbench:", error); // its kernel is just going: the state says so next
    }
  }

  ask(message) {
    const ask = ++this.number;
    return new Promise((resolve) => {
      this.asked.set(ask, resolve);
      this.send({ ...message, ask });
    });
  }
}
