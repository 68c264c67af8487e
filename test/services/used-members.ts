/** Which members of a driver its contract uses: a method that no test calls is one that no driver is held to. */

/** The same part; what is used of it is added to `used`. */
export function noting<Part extends object>(part: Part, used: Set<PropertyKey>): Part {
  return new Proxy(part, {
    get: (target, name) => {
      used.add(name);
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** The members of a driver's class that are not in `used`. */
export function unusedOf(part: object, used: ReadonlySet<PropertyKey>): readonly string[] {
  const members = Object.getOwnPropertyNames(Object.getPrototypeOf(part));
  return members.filter((name) => name !== 'constructor' && !used.has(name));
}
