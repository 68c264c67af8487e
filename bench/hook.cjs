/**
 * Loaded into every contender before its own program. It reports the process's resource usage, because
 * garbage can only be collected from inside the process.
 */
const { writeFileSync } = require('node:fs');
const { Session } = require('node:inspector');

let profiler = null;

process.on('message', ({ ask, file }) => {
  if (ask === 'profile') startProfile();
  if (ask === 'profiled') return stopProfile(file);
  if (ask === 'memory') globalThis.gc?.();
  process.send({ cpu: process.cpuUsage(), memory: process.memoryUsage() });
});
// The channel must not keep the process alive.
process.channel?.unref();

function startProfile() {
  profiler = new Session();
  profiler.connect();
  profiler.post('Profiler.enable');
  profiler.post('Profiler.setSamplingInterval', { interval: 250 });
  profiler.post('Profiler.start');
}

function stopProfile(file) {
  profiler.post('Profiler.stop', (error, answer) => {
    if (error === null) writeFileSync(file, JSON.stringify(answer.profile));
    profiler.disconnect();
    process.send({ cpu: process.cpuUsage(), memory: process.memoryUsage() });
  });
}
