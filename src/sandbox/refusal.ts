/** A refusal by Akool: a `code` other than 1000 and a `msg`, nearly always with HTTP status 200. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: number;
  readonly httpStatus: number;

  constructor(code: number, msg?: string, httpStatus = 200) {
    super(msg ?? MESSAGES.get(code) ?? 'Refused');
    this.code = code;
    this.httpStatus = httpStatus;
  }

  /** The body that Akool sends. */
  get answer(): { code: number; msg: string } {
    return { code: this.code, msg: this.message };
  }
}

/** Akool's codes and messages, which scripted refusals use too. */
const MESSAGES: ReadonlyMap<number, string> = new Map([
  [1003, 'Parameter error or Parameter can not be empty'],
  [1004, 'Requires verification'],
  [1005, 'Frequent operation, please try again later'],
  [1006, 'Your quota is not enough'],
  [1007, 'The number of people who can have their faces changed cannot exceed 8'],
  [1008, 'The content you want to get does not exist'],
  [1009, 'You do not have permission to operate'],
  [1010, 'You can not operate'],
  [1011, 'You can not operate it a second time'],
  [1014, 'The resource does not exist'],
  [1015, 'Video processing error'],
  [1016, 'Face swapping error'],
  [1101, 'Invalid authorization or the request token has expired'],
  [1102, 'Authorization cannot be empty'],
  [1103, 'Not paid or overdue'],
  [1104, 'Insufficient credit balance'],
  [1108, 'Image processing error'],
  [1109, 'The account does not exist'],
  [1200, 'The account has been blocked'],
  [1204, 'The video is too long'],
  [1207, 'The video is too large'],
  [1208, 'The video cannot be read'],
  [1209, 'The video codec is not supported'],
  [1210, 'The frame rate is not supported'],
  [1213, 'A subscription is needed'],
  [1221, 'A subscription is needed for this function'],
]);
