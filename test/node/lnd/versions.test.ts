import { describe, expect, it } from 'vitest';
import { judgeVersion, parseVersion } from '../../../src/node/lnd/versions.js';

describe('versions of LND', () => {
  it('are read as LND writes them', () => {
    expect(parseVersion('0.21.2-beta commit=v0.21.2-beta')).toEqual({ major: 0, minor: 21, patch: 2 });
    expect(parseVersion('v0.18.4-beta.rc1')).toEqual({ major: 0, minor: 18, patch: 4 });
    expect(parseVersion('0.21.99-beta')).toEqual({ major: 0, minor: 21, patch: 99 });
    for (const text of ['', 'beta', '0.21', '0.21.2.1', '99999.1.1', 'x0.21.2'])
      expect(parseVersion(text)).toBeUndefined();
  });

  it.each([
    ['0.17.5-beta', 'refused'],
    ['0.18.3-beta', 'refused'],
    ['0.18.4-beta', 'old'],
    ['0.19.3-beta', 'old'],
    ['0.20.1-beta', 'old'],
    ['0.20.2-beta', 'old'],
    ['0.20.3-beta', 'good'],
    ['0.20.4-beta', 'good'],
    ['0.21.0-beta', 'old'],
    ['0.21.1-beta', 'old'],
    ['0.21.2-beta', 'good'],
    ['0.22.0-beta', 'good'],
    ['1.0.0', 'good'],
    ['something', 'refused'],
  ])('%s is %s', (text, type) => {
    expect(judgeVersion(text).type).toBe(type);
  });

  it.each([
    ['0.20.1-beta', /10892/],
    ['0.21.1-beta', /11028/],
    ['0.18.3-beta', /older than 0.18.4/],
    ['x', /cannot be read/],
  ])('%s says what is wrong and what to do', (text, words) => {
    const verdict = judgeVersion(text);
    if (verdict.type === 'good') throw new Error('not good');
    expect(verdict.reason).toMatch(words);
    expect(verdict.fix).toMatch(/^upgrade/);
  });
});
