import { describe, expect, it } from 'vitest';
import { acknowledgements, countSyncs, parseStrace } from './strace.ts';

const SOCKET = '20<TCP:[127.0.0.1:2525->127.0.0.1:40000]>';
const dot = (at: string) => `100 ${at} read(${SOCKET}, "text\\r\\n.\\r\\n", 65536) = 9 <0.000010>`;
const reply = (at: string) => `100 ${at} write(${SOCKET}, "250 2.0.0 queued as x\\r\\n", 23) = 23 <0.000020>`;
const sync = (at: string, took = '0.000100') => `101 ${at} fdatasync(21</q/segment.1>) = 0 <${took}>`;

const of = (...lines: string[]) => acknowledgements(lines.join('\n'), 2525).map(({ syncs }) => syncs);

describe('the proof of syncs', () => {
  it('holds where a sync lies between final dot and 250', () => {
    expect(of(dot('1.000000'), sync('1.000100'), reply('1.000300'))).toEqual([1]);
  });

  it('fails where there is none, where it came before, and where it had not ended', () => {
    expect(of(dot('1.000000'), reply('1.000300'))).toEqual([0]);
    expect(of(sync('0.900000'), dot('1.000000'), reply('1.000300'))).toEqual([0]);
    expect(of(sync('0.999990', '0.000200'), dot('1.000000'), reply('1.000300'))).toEqual([0]);
    expect(of(dot('1.000000'), sync('1.000100', '0.500000'), reply('1.000300'))).toEqual([0]);
  });

  it('reads calls that another thread interrupts in the log', () => {
    const begun = '101 1.000100 fdatasync(21</q/segment.1> <unfinished ...>';
    const resumed = '101 1.000250 <... fdatasync resumed>) = 0 <0.000150>';
    expect(of(dot('1.000000'), begun, resumed, reply('1.000300'))).toEqual([1]);
    expect(of(dot('1.000000'), begun, reply('1.000200'), resumed)).toEqual([0]);
    const read = `100 1.000000 read(${SOCKET},  <unfinished ...>`;
    const done = '100 1.000050 <... read resumed>"text\\r\\n.\\r\\n", 65536) = 9 <0.000050>';
    expect(of(read, done, sync('1.000100'), reply('1.000300'))).toEqual([1]);
  });

  it('looks at connections to the port alone, and at 250s that answer a final dot', () => {
    const other = dot('1.000000').replace(':2525', ':2526');
    expect(of(other, reply('1.000300'))).toEqual([]);
    expect(of(reply('1.000300'))).toEqual([]);
  });

  it('counts every sync, begun or whole', () => {
    const log = `${sync('1.0')}\n101 1.1 fsync(3</q> <unfinished ...>\n101 1.2 <... fsync resumed>) = 0 <0.1>`;
    expect(countSyncs(log)).toBe(2);
    expect(parseStrace(log).map(({ name }) => name)).toEqual(['fdatasync', 'fsync']);
  });

  it('holds where each write is a sync, as the file was opened for it', () => {
    const open = (flags: string) =>
      `101 0.5 openat(AT_FDCWD</>, "/q/segment.1", O_RDWR|O_CREAT|O_EXCL|${flags}O_CLOEXEC, 0600) = 21</q/segment.1> <0.000100>`;
    const write = '101 1.000100 pwritev(21</q/segment.1>, [{iov_base="x", iov_len=1}], 1, 0) = 1 <0.000100>';
    const lines = [dot('1.000000'), write, reply('1.000300')];
    expect(of(open('O_DSYNC|'), ...lines)).toEqual([1]);
    expect(of(open(''), ...lines)).toEqual([0]);
  });
});
